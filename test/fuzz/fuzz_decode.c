/* What Redis answers. The first byte chooses the decoder; the rest is a reply as it comes over the wire, or
 * for the last ones a text. Whatever comes: not taken, or within the limits that the callers rely on. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include "fuzz_help.h"
#include "base/number.h"
#include "store/decode_int.h"
#include "store/verify_int.h"

#define WANT 12
#define NAMED 4

enum {
    RECORD,
    POOL,
    INTEGER,
    TAKEN,
    RECORDS,
    CHANGES,
    NAMES,
    UPDATED,
    BATCHED,
    STATUS,
    LOADED,
    VERIFY,
    TEXTS,
    INHERITED,
    RETIRED,
    MENDED,
    REMEMBERED,
    KINDS
};

static const struct sl_lineage own = {3, 0xcc0};

static void check_record(const struct sl_list_record *l)
{
    sl_assert(l->bits == 1 || l->bits == 2 || l->bits == 4 || l->bits == 8);
    sl_assert(l->size >= 1 && l->cursor <= l->size && l->state <= SL_LIST_RETIRED);
}

static uint64_t check_blocks(const struct sl_block *blocks, uint32_t n)
{
    uint64_t sum = 0;
    sl_assert(n <= NAMED);
    for (uint32_t i = 0; i < n; i++) {
        const struct sl_block *b = &blocks[i];
        check_record(&b->list);
        sl_assert((uint64_t)b->from + b->count <= b->list.size);
        for (uint32_t j = 0; j < b->returned_count; j++)
            sl_assert(b->returned[j] < b->list.size);
        sum += b->count + b->returned_count;
    }
    return sum;
}

static void taken(const redisReply *r, struct sl_decoded *d)
{
    struct sl_taken t;
    if (!sl_decode_taken(r, WANT, NAMED, &t, d))
        return;
    sl_assert(t.over_count <= NAMED);
    sl_assert(check_blocks(t.blocks, t.block_count) <= WANT);
}

static void inherited(const redisReply *r, struct sl_decoded *d)
{
    struct sl_inherited h;
    if (sl_decode_inherited(r, NAMED, &h, d))
        (void)check_blocks(h.blocks, h.block_count);
}

static void retired(const redisReply *r, struct sl_decoded *d)
{
    struct sl_retired e;
    if (sl_decode_retired(r, NAMED, &e, d))
        sl_assert(e.retired_count + e.gone_count <= NAMED);
}

static void many(int kind, const redisReply *r, struct sl_decoded *d)
{
    const struct sl_list_record *records;
    const struct sl_span *names;
    struct sl_changes c;
    size_t n, bytes = 0;
    if (kind == RECORDS && sl_decode_records(r, &records, &n, d))
        for (size_t i = 0; i < n; i++)
            check_record(&records[i]);
    if (kind == CHANGES)
        (void)sl_decode_changes(r, &c, d);
    const struct sl_tempo *tempos;
    if (kind == NAMES && sl_decode_tempos(r, "me", &tempos, &n, d)) {
        for (size_t i = 0; i < n; i++)
            bytes += tempos[i].pool.len + tempos[i].instance.len;
        sl_decoded_free(d);
        *d = (struct sl_decoded){0};
    }
    if (kind == NAMES && sl_decode_names(r, &names, &n, d))
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < names[i].len; j++)
                bytes += names[i].at[j] != '\0'; /* readable to the last byte */
    sl_assert(bytes <= SIZE_MAX / 2);
}

static void updates(int kind, const redisReply *r, struct sl_decoded *d)
{
    struct sl_updated u;
    struct sl_batched b;
    uint32_t group = UINT32_MAX, at = 0;
    if (kind == UPDATED)
        (void)sl_decode_updated(r, 4, own, &u);
    if (kind == BATCHED && sl_decode_batched(r, 2, own, &b, &group, &at, d) && b.refused != SL_OK)
        sl_assert(group < 2);
}

static void one(int kind, const redisReply *r)
{
    struct sl_list_record l;
    struct sl_pool_opened p;
    int64_t i;
    uint8_t value;
    struct sl_head head;
    struct sl_mended_list mended;
    struct sl_remembered m;
    bool flag;
    if (kind == RECORD && sl_decode_record(r, &l))
        check_record(&l);
    if (kind == POOL)
        (void)(sl_decode_pool(r, &p) || sl_decode_agreed(r, &(struct sl_agreed){0}));
    if (kind == INTEGER && sl_decode_integer(r, -1, 100, &i))
        sl_assert(i >= -1 && i <= 100);
    if (kind == STATUS)
        (void)sl_decode_status(r, own, &flag, &value, &head);
    if (kind == MENDED && sl_decode_mended(r, own, &mended))
        sl_assert(mended.what <= SL_MENDED_CROWDED && mended.seen.len <= SL_SEEN_MAX &&
                  (mended.what == SL_MENDED_IN_PIECES) == (mended.seen.len > 0));
    if (kind == REMEMBERED && sl_decode_remembered(r, &m))
        sl_assert((m.other + m.bound) + (m.answer.len > 0) <= 1);
}

static void load(const redisReply *r, struct sl_decoded *d)
{
    struct sl_loaded loaded;
    bool gone;
    if (!sl_decode_loaded(r, &own, 1, &gone, &loaded, d) || gone)
        return;
    sl_assert(loaded.marks_count <= 1 && loaded.more <= loaded.line.count);
    sl_assert(sl_line_covers(&loaded.line, loaded.head) || loaded.line.cut.ms > 0);
    sl_assert(loaded.bytes.len == 0 || loaded.bytes.at != NULL);
}

static void verify(struct sl_span info, const redisReply *config)
{
    for (int want = SL_PERSIST_ALWAYS; want <= SL_PERSIST_DISABLED; want++) {
        struct sl_redis_options o = {.persistence = (enum sl_persistence)want,
                                     .assume_persistence = info.len % 2 != 0};
        struct sl_buf why;
        sl_buf_init(&why, 4096);
        enum sl_verdict verdict = sl_verify_server(&o, info, config, &why);
        sl_assert((verdict == SL_VERDICT_FIT) == (why.len == 0));
        sl_buf_free(&why);
    }
}

static void found(void *arg, int64_t id)
{
    sl_assert(id >= 0 && id != 1);
    ++*(unsigned *)arg;
}

static void texts(struct sl_span text)
{
    struct sl_store_identity me = {.instance = "11111111-2222-4333-8444-555555555555",
                                   .run = "aaaaaaaaaaaaaaaa"};
    struct sl_uuid id;
    struct sl_span value;
    uint64_t v;
    unsigned victims = 0;
    sl_decode_predecessors(text, &me, "keeper", 1, found, &victims);
    sl_assert(victims <= text.len / 50);
    (void)sl_decode_news(text, &id, &v);
    if (sl_decode_info(text, "role", &value))
        sl_assert(fuzz_inside(value, text));
    if (sl_number_parse(text, 1000, &v))
        sl_assert(v <= 1000);
}

/* A count of millions makes the library reserve memory at once: Redis is trusted not to send one. */
static bool counts_millions(struct sl_span text)
{
    size_t digits = 0;
    bool counting = false;
    for (size_t i = 0; i < text.len && digits <= 5; i++) {
        counting = text.at[i] == '*' || (counting && text.at[i] >= '0' && text.at[i] <= '9');
        digits = counting && text.at[i] != '*' ? digits + 1 : 0;
    }
    return digits > 5;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int kind = data[0] % KINDS;
    struct sl_span rest = {(const char *)data + 1, size - 1}, info = {NULL, 0};
    if (kind == TEXTS) {
        texts(rest);
        return 0;
    }
    if (kind == VERIFY) { /* the reply to CONFIG GET comes first, up to an empty line */
        const char *end = memmem(rest.at, rest.len, "\n\n", 2);
        size_t n = end != NULL ? (size_t)(end - rest.at) + 1 : rest.len;
        info = sl_span(rest.at + n, rest.len - n);
        rest.len = n;
    }
    if (counts_millions(rest))
        return 0;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    sl_assert(reader != NULL);
    redisReaderFeed(reader, rest.at, rest.len);
    if (redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL) {
        struct sl_decoded d = {0};
        if (kind == TAKEN)
            taken(reply, &d);
        else if (kind == INHERITED)
            inherited(reply, &d);
        else if (kind == RETIRED)
            retired(reply, &d);
        else if (kind == LOADED)
            load(reply, &d);
        else if (kind == VERIFY)
            verify(info, reply);
        else if (kind == UPDATED || kind == BATCHED)
            updates(kind, reply, &d);
        else if (kind == RECORDS || kind == CHANGES || kind == NAMES)
            many(kind, reply, &d);
        else
            one(kind, reply);
        sl_decoded_free(&d);
        freeReplyObject(reply);
    }
    redisReaderFree(reader);
    return 0;
}
