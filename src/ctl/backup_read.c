/* A record: kind (1 byte), lengths of head and body (uint32 each, little-endian), head (JSON), body
 * (bytes), SHA-256 over the checksum of the record before and all of this one. The first record uses the
 * checksum of the magic line instead. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/backup_format.h"

#define FRAME SL_BACKUP_FRAME
#define STEP (64u * 1024) /* bytes believed in before they came */

void sl_chain_begin(struct sl_backup_chain *chain, const char *magic)
{
    *chain = (struct sl_backup_chain){.hasher = sl_hasher_new()};
    sl_sha256(chain->hasher, magic, strlen(magic), chain->sum);
}

void sl_chain_free(struct sl_backup_chain *chain)
{
    sl_hasher_free(chain->hasher);
    free(chain->covered);
    *chain = (struct sl_backup_chain){.hasher = NULL};
}

char *sl_chain_room(struct sl_backup_chain *chain, size_t n)
{
    if (chain->covered == NULL || n > chain->room) {
        char *more = realloc(chain->covered, SL_SHA256 + n);
        if (more == NULL)
            return NULL;
        chain->covered = more;
        chain->room = n;
    }
    return chain->covered + SL_SHA256;
}

void sl_chain_sum(struct sl_backup_chain *chain, size_t n, uint8_t out[static SL_SHA256])
{
    memcpy(chain->covered, chain->sum, SL_SHA256);
    sl_sha256(chain->hasher, chain->covered, SL_SHA256 + n, out);
}

void sl_chain_text(const struct sl_backup_chain *chain, char out[static SL_BACKUP_CHECKSUM])
{
    for (unsigned i = 0; i < SL_SHA256; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", chain->sum[i]);
}

struct reader {
    FILE *file;
    struct sl_buf *why;
    struct sl_backup_chain chain;
    uint64_t bytes; /* read */
};

struct record {
    uint64_t at; /* byte of the file */
    uint8_t kind;
    json_t *head; /* the reader's caller's */
    struct sl_span body;
};

static size_t get32(const char *at)
{
    size_t v = 0;
    for (unsigned i = 0; i < 4; i++)
        v |= (size_t)(uint8_t)at[i] << 8 * i;
    return v;
}

static bool get_bytes(struct reader *r, void *out, size_t n)
{
    size_t got = fread(out, 1, n, r->file);
    r->bytes += got;
    if (got == n)
        return true;
    if (ferror(r->file))
        sl_buf_puts(r->why, strerror(errno));
    else
        sl_buf_printf(r->why, "the file is cut off after %" PRIu64 " bytes", r->bytes);
    return false;
}

/* The n bytes of a record behind its frame, for which there is room. */
static bool get_rest(struct reader *r, size_t n)
{
    for (size_t have = FRAME; have < n;) {
        size_t most = have > STEP ? have : STEP, step = n - have < most ? n - have : most;
        char *at = sl_chain_room(&r->chain, have + step);
        if (at == NULL) {
            sl_buf_printf(r->why, "no memory for a record of %zu bytes", n);
            return false;
        }
        if (!get_bytes(r, at + have, step))
            return false;
        have += step;
    }
    return true;
}

static bool report_damage(struct reader *r, const char *what, uint64_t at)
{
    sl_buf_printf(r->why, "%s at byte %" PRIu64 ": the file is damaged", what, at);
    return false;
}

/* The next record, whole and with the right checksum, before anything of it is looked at. */
static bool next_record(struct reader *r, struct record *ret)
{
    uint8_t said[SL_SHA256], found[SL_SHA256];
    uint64_t began = r->bytes;
    char *at = sl_chain_room(&r->chain, FRAME);
    if (at == NULL) {
        sl_buf_puts(r->why, "no memory");
        return false;
    }
    if (!get_bytes(r, at, FRAME))
        return false;
    size_t head = get32(at + 1), body = get32(at + 5), n = FRAME + head + body;
    if (head > SL_BACKUP_HEAD_MAX || body > SL_BACKUP_BODY_MAX)
        return report_damage(r, "no record", began);
    if (!get_rest(r, n) || !get_bytes(r, said, SL_SHA256))
        return false;
    sl_chain_sum(&r->chain, n, found);
    if (memcmp(said, found, SL_SHA256) != 0)
        return report_damage(r, "the checksum of the record is wrong", began);
    memcpy(r->chain.sum, found, SL_SHA256);
    at = r->chain.covered + SL_SHA256;
    json_error_t e;
    json_t *j = json_loadb(at + FRAME, head, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(j)) {
        json_decref(j);
        return report_damage(r, "the record does not begin with a JSON object", began);
    }
    *ret = (struct record){
        .at = began, .kind = (uint8_t)at[0], .head = j, .body = sl_span(at + FRAME + head, body)};
    return true;
}

static bool read_pool(struct reader *r, struct sl_backup_pool *ret)
{
    char magic[sizeof SL_BACKUP_MAGIC] = "";
    struct record x;
    r->bytes = fread(magic, 1, sizeof magic - 1, r->file);
    if (strcmp(magic, SL_BACKUP_MAGIC) != 0 && strcmp(magic, SL_BACKUP_MAGIC_1) != 0) {
        sl_buf_printf(r->why,
                      "this is not a backup of a known version; expected a file that begins with \"%.19s\"",
                      SL_BACKUP_MAGIC);
        return false;
    }
    sl_chain_begin(&r->chain, magic);
    if (!next_record(r, &x))
        return false;
    bool is = x.kind == SL_BACKUP_POOL && x.body.len == 0;
    bool ok = sl_backup_pool_of(is ? x.head : NULL, r->why, ret);
    json_decref(x.head);
    return ok;
}

static bool read_end(struct reader *r, const struct record *x, uint64_t lists)
{
    const json_t *said = json_object_get(x->head, "lists");
    if (!json_is_integer(said) || json_integer_value(said) != (json_int_t)lists || x->body.len > 0) {
        sl_buf_puts(r->why, "lists are missing: the file is damaged");
        return false;
    }
    if (getc(r->file) == EOF && !ferror(r->file))
        return true;
    sl_buf_puts(r->why, "bytes follow the last record: the file is damaged");
    return false;
}

/* `id`: of the list before; becomes this list's. */
static bool read_list(struct reader *r, const struct record *x, const struct sl_backup_pool *p,
                      struct sl_uuid *id, uint64_t lists, sl_backup_each *each, void *arg)
{
    struct sl_uuid mine;
    struct sl_direct_list l;
    if (x->kind != SL_BACKUP_LIST) {
        sl_buf_puts(r->why, "a record of an unknown kind");
        return false;
    }
    if (!sl_backup_list_of(p, x->head, x->body, r->why, &mine, &l))
        return false;
    if (lists > 0 && memcmp(mine.bytes, id->bytes, sizeof mine.bytes) <= 0) {
        sl_buf_puts(r->why, "a list occurs twice, or the lists are not in order");
        return false;
    }
    *id = mine;
    return each(arg, p, id, &l);
}

static bool walk_records(struct reader *r, sl_backup_each *each, void *arg,
                         struct sl_backup_contents *contents)
{
    struct sl_uuid id = {{0}};
    if (!read_pool(r, &contents->pool))
        return false;
    for (contents->lists = 0;; contents->lists++) {
        struct record x;
        if (!next_record(r, &x))
            return false;
        bool ended = x.kind == SL_BACKUP_END;
        bool ok = ended ? read_end(r, &x, contents->lists)
                        : read_list(r, &x, &contents->pool, &id, contents->lists, each, arg);
        json_decref(x.head);
        if (!ok || ended)
            return ok;
    }
}

bool sl_backup_walk(FILE *file, sl_backup_each *each, void *arg, struct sl_buf *why,
                    struct sl_backup_contents *ret)
{
    struct reader r = {.file = file, .why = why};
    struct sl_backup_contents contents;
    bool ok = walk_records(&r, each, arg, &contents);
    if (ok)
        sl_chain_text(&r.chain, contents.checksum);
    sl_chain_free(&r.chain);
    if (ok)
        *ret = contents;
    return ok;
}
