/* A backup as `statuslistctl import` reads it. What is taken is within the bounds that putting it into Redis
 * relies on, and what it says can be written down and read again. No checksum comes about by chance, so the
 * mutator changes the records and puts frames and checksums right. */
#include <stdio.h>
#include <stdlib.h>
#include "core/history.h"
#include "ctl/backup_format.h"
#include "fuzz_help.h"

#define FILE_MAX (1u << 20)
#define MAGIC_LEN (sizeof SL_BACKUP_MAGIC - 1)

/* --- a file that is written down --- */

struct writing {
    struct sl_backup_chain chain;
    struct sl_buf out;
};

static void begin(struct writing *w, const char *magic)
{
    sl_chain_begin(&w->chain, magic);
    sl_buf_init(&w->out, FILE_MAX);
    sl_buf_puts(&w->out, magic);
}

/* Of the file's version. */
static const char *magic_of(struct sl_span file)
{
    bool first = file.len >= MAGIC_LEN && memcmp(file.at, SL_BACKUP_MAGIC_1, MAGIC_LEN) == 0;
    return first ? SL_BACKUP_MAGIC_1 : SL_BACKUP_MAGIC;
}

static void end(struct writing *w)
{
    sl_chain_free(&w->chain);
    sl_buf_free(&w->out);
}

static void put(struct writing *w, uint8_t kind, struct sl_span head, struct sl_span body)
{
    size_t n = SL_BACKUP_FRAME + head.len + body.len;
    char *at = sl_chain_room(&w->chain, n);
    sl_assert(at != NULL);
    at[0] = (char)kind;
    for (unsigned i = 0; i < 4; i++) {
        at[1 + i] = (char)(uint8_t)(head.len >> 8 * i);
        at[5 + i] = (char)(uint8_t)(body.len >> 8 * i);
    }
    if (head.len > 0)
        memcpy(at + SL_BACKUP_FRAME, head.at, head.len);
    if (body.len > 0)
        memcpy(at + SL_BACKUP_FRAME + head.len, body.at, body.len);
    sl_chain_sum(&w->chain, n, w->chain.sum);
    sl_buf_put(&w->out, at, n);
    sl_buf_put(&w->out, w->chain.sum, SL_SHA256);
}

static void put_json(struct writing *w, uint8_t kind, json_t *head, struct sl_span body)
{
    char *text = head != NULL ? json_dumps(head, JSON_COMPACT) : NULL;
    sl_assert(text != NULL);
    put(w, kind, sl_span(text, strlen(text)), body);
    free(text);
    json_decref(head);
}

/* --- a file as it is cut into records, by hand --- */

#define RECORDS 24

struct part {
    uint8_t kind;
    struct sl_span head, body;
};

static size_t get32(const char *at)
{
    size_t v = 0;
    for (unsigned i = 0; i < 4; i++)
        v |= (size_t)(uint8_t)at[i] << 8 * i;
    return v;
}

static struct sl_span take(struct sl_span *rest, size_t n)
{
    struct sl_span part = sl_span(rest->at, n < rest->len ? n : rest->len);
    *rest = sl_span(rest->at + part.len, rest->len - part.len);
    return part;
}

/* The records as far as they go; the checksums are not looked at. */
static size_t cut(struct sl_span rest, struct part *parts)
{
    size_t n = 0;
    take(&rest, MAGIC_LEN);
    while (n < RECORDS && rest.len >= SL_BACKUP_FRAME) {
        struct sl_span frame = take(&rest, SL_BACKUP_FRAME);
        parts[n].kind = (uint8_t)frame.at[0];
        parts[n].head = take(&rest, get32(frame.at + 1));
        parts[n++].body = take(&rest, get32(frame.at + 5));
        take(&rest, SL_SHA256);
    }
    return n;
}

static void check_head(const struct part *x, uint64_t lists)
{
    json_error_t e;
    json_t *head = json_loadb(x->head.at, x->head.len, JSON_REJECT_DUPLICATES, &e);
    sl_assert(json_is_object(head));
    if (x->kind == SL_BACKUP_END)
        sl_assert(json_integer_value(json_object_get(head, "lists")) == (json_int_t)lists);
    json_decref(head);
}

/* A file that was accepted has a pool, its lists and the end, and every byte of it belongs to one of
 * these. */
static void check_whole(struct sl_span file, uint64_t lists)
{
    struct part parts[RECORDS];
    struct writing w;
    size_t n = cut(file, parts);
    if (lists + 2 > RECORDS)
        return;
    sl_assert(n == lists + 2);
    begin(&w, magic_of(file));
    for (size_t i = 0; i < n; i++) {
        sl_assert(parts[i].kind == (i == 0 ? SL_BACKUP_POOL : i < n - 1 ? SL_BACKUP_LIST : SL_BACKUP_END));
        sl_assert(parts[i].body.len == 0 || parts[i].kind == SL_BACKUP_LIST);
        check_head(&parts[i], lists);
        put(&w, parts[i].kind, parts[i].head, parts[i].body);
    }
    sl_assert(w.out.len == file.len && memcmp(w.out.data, file.at, file.len) == 0);
    end(&w);
}

/* --- what is read --- */

struct reading {
    struct writing copy;
    struct sl_uuid last;
    uint64_t lists;
};

static void check_pool(const struct sl_backup_pool *p)
{
    sl_assert(sl_pool_name_ok(p->name) && strlen(p->id) == SL_UUID_TEXT);
    sl_assert(p->bits == 1 || p->bits == 2 || p->bits == 4 || p->bits == 8);
    sl_assert(p->size >= 1 && p->size <= 100000000 && (uint64_t)p->size * p->bits % 8 == 0);
    sl_assert(strspn(p->made, "0123456789-T:Z") == strlen(p->made));
}

/* The line with its head in it is one: ascending, and nothing of it is at or below what fell out. */
static void check_history(const struct sl_direct_list *l)
{
    struct sl_lineage at;
    struct sl_line line;
    if (l->at.len == 0) {
        sl_assert(l->line.len == 0 && l->cut.len == 0);
        return;
    }
    sl_assert(sl_lineage_parse(l->at, &at) && sl_line_parse(l->line, &line));
    sl_assert(line.count < SL_LINE_MAX && sl_line_version(&line, at) == 0);
    if (l->cut.len > 0)
        sl_assert(sl_cut_parse(l->cut, &line) && !sl_lineage_none(line.cut));
    unsigned before = line.count;
    sl_line_add(&line, (struct sl_head){at, 1});
    sl_assert(line.count == before + 1 && sl_lineage_equal(line.part[before].at, at));
}

static bool on_list(void *arg, const struct sl_backup_pool *p, const struct sl_uuid *id,
                    const struct sl_direct_list *l)
{
    struct reading *r = arg;
    check_pool(p);
    sl_assert(l->size == p->size && l->bits == p->bits && l->cursor <= l->size);
    sl_assert(l->bytes.len <= (uint64_t)l->size * l->bits / 8 && l->version <= (uint64_t)1 << 52);
    sl_assert(l->uri.len >= 1 && l->uri.len <= 2048);
    for (size_t i = 0; i < l->uri.len; i++)
        sl_assert(l->uri.at[i] > ' ' && l->uri.at[i] <= '~');
    check_history(l);
    sl_assert(r->lists == 0 || memcmp(r->last.bytes, id->bytes, sizeof id->bytes) < 0);
    r->last = *id;
    if (r->lists++ == 0)
        put_json(&r->copy, SL_BACKUP_POOL, sl_backup_pool_json(p), sl_span("", 0));
    put_json(&r->copy, SL_BACKUP_LIST, sl_backup_list_json(id, l), l->bytes);
    return true;
}

/* Reads a file; if it is a backup, `r->copy` gets the same content, written again. */
static bool read_file(const uint8_t *data, size_t size, struct reading *r)
{
    char text[512];
    struct sl_buf why;
    struct sl_backup_contents c;
    FILE *file = fmemopen((void *)data, size, "rb");
    sl_assert(file != NULL);
    sl_buf_over(&why, text, sizeof text);
    *r = (struct reading){.lists = 0};
    begin(&r->copy, SL_BACKUP_MAGIC);
    bool ok = sl_backup_walk(file, on_list, r, &why, &c);
    fclose(file);
    sl_assert(ok == (why.len == 0) && !why.failed);
    for (size_t i = 0; i < why.len; i++)
        sl_assert((why.data[i] >= ' ' && why.data[i] <= '~') || why.data[i] == '\n');
    if (!ok)
        return false;
    sl_assert(c.lists == r->lists && strlen(c.checksum) == 2 * SL_SHA256);
    check_pool(&c.pool);
    check_whole(sl_span((const char *)data, size), c.lists);
    if (c.lists == 0)
        put_json(&r->copy, SL_BACKUP_POOL, sl_backup_pool_json(&c.pool), sl_span("", 0));
    put_json(&r->copy, SL_BACKUP_END, json_pack("{s:I}", "lists", (json_int_t)c.lists), sl_span("", 0));
    return !r->copy.out.failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading once, twice;
    if (size == 0)
        return 0;
    if (read_file(data, size, &once)) {
        const struct sl_buf *a = &once.copy.out, *b = &twice.copy.out;
        sl_assert(read_file((const uint8_t *)a->data, a->len, &twice));
        sl_assert(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
        end(&twice.copy);
    }
    end(&once.copy);
    return 0;
}

/* --- the mutator: of the fuzzer alone, replays have nothing to link it with --- */

#define PART_MAX 8192

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static struct sl_span changed(struct sl_span part, uint8_t *room)
{
    size_t n = part.len < PART_MAX ? part.len : PART_MAX;
    if (n > 0)
        memcpy(room, part.at, n);
    return sl_span((const char *)room, LLVMFuzzerMutate(room, n, PART_MAX));
}

/* One change; how many records there are then. */
static size_t change(struct part *parts, size_t n, unsigned dice, uint8_t *room)
{
    size_t one = dice / 16 % n, other = dice / 1024 % n;
    struct part before = parts[one];
    switch (dice % 16) {
    case 0:
        parts[one].kind = (uint8_t) "PLEX"[other % 4];
        return n;
    case 1: /* twice */
        if (n == RECORDS)
            return n;
        memmove(&parts[one + 1], &parts[one], (n - one) * sizeof *parts);
        return n + 1;
    case 2: /* gone */
        memmove(&parts[one], &parts[one + 1], (n - one - 1) * sizeof *parts);
        return n - 1;
    case 3:
        parts[one] = parts[other];
        parts[other] = before;
        return n;
    case 4:
    case 5:
    case 6:
        parts[one].body = changed(before.body, room);
        return n;
    default:
        parts[one].head = changed(before.head, room);
        return n;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct part parts[RECORDS];
    uint8_t room[PART_MAX];
    struct writing w;
    size_t n = cut(sl_span((const char *)data, size), parts), lists = 0;
    if (n == 0 || seed % 8 == 0) /* as bytes, frames and checksums too */
        return LLVMFuzzerMutate(data, size, max_size);
    n = change(parts, n, seed / 16, room);
    begin(&w, magic_of(sl_span((const char *)data, size)));
    for (size_t i = 0; i < n; i++) {
        char count[64];
        lists += parts[i].kind == SL_BACKUP_LIST;
        snprintf(count, sizeof count, "{\"lists\":%zu,\"change\":1}", lists);
        bool right = parts[i].kind == SL_BACKUP_END && seed % 8 < 5;
        put(&w, parts[i].kind, right ? sl_span(count, strlen(count)) : parts[i].head, parts[i].body);
    }
    size_t len = w.out.failed ? 0 : w.out.len < max_size ? w.out.len : max_size;
    if (len > 0)
        memcpy(data, w.out.data, len);
    end(&w);
    return len > 0 ? len : LLVMFuzzerMutate(data, size, max_size);
}
