/* Pools and lists by the blocking connection. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "store/direct_int.h"

#define KEY_MAX 256 /* a pool's name has at most 64 characters */

/* statuslist:{<pool>}:<what>, NUL-terminated. */
static void pool_key(const char *pool, const char *what, char key[static KEY_MAX])
{
    snprintf(key, KEY_MAX, "statuslist:{%s}:%s", pool, what);
}

static void list_key(const char *pool, const struct sl_uuid *id, const char *what, char key[static KEY_MAX])
{
    char text[SL_UUID_TEXT];
    sl_uuid_text(id, text);
    snprintf(key, KEY_MAX, "statuslist:{%s}:list:%.36s:%s", pool, text, what);
}

static bool is_array(const redisReply *r, size_t n)
{
    return r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == n;
}

static bool decimal(const redisReply *r, uint64_t max, uint64_t *ret)
{
    return r->type == REDIS_REPLY_STRING && sl_decode_decimal(sl_span(r->str, r->len), max, ret);
}

bool sl_direct_pool(struct sl_direct *d, const char *pool, struct sl_direct_pool *ret)
{
    char key[KEY_MAX];
    uint64_t size, bits;
    struct sl_direct_pool p = {.known = true};
    pool_key(pool, "config", key);
    if (!sl_direct_say(d, (const char *const[]){"HMGET", key, "size", "bits", "change", "taken", NULL}))
        return false;
    if (!is_array(d->reply, 4))
        return sl_direct_bad_shape(d, "pool");
    redisReply **e = d->reply->element;
    if (e[0]->type == REDIS_REPLY_NIL) {
        *ret = (struct sl_direct_pool){.known = false};
        return true;
    }
    if (!decimal(e[0], UINT32_MAX, &size) || !decimal(e[1], 8, &bits) ||
        !decimal(e[2], INT64_MAX, &p.change) || !decimal(e[3], INT64_MAX, &p.taken))
        return sl_direct_bad_shape(d, "pool");
    p.size = (uint32_t)size;
    p.bits = (uint8_t)bits;
    pool_key(pool, "lists", key);
    if (!sl_direct_say(d, (const char *const[]){"SCARD", key, NULL}))
        return false;
    if (d->reply->type != REDIS_REPLY_INTEGER || d->reply->integer < 0)
        return sl_direct_bad_shape(d, "set of lists");
    p.lists = (uint64_t)d->reply->integer;
    *ret = p;
    return true;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct sl_uuid));
}

bool sl_direct_ids(struct sl_direct *d, const char *pool, struct sl_uuid **ret_ids, size_t *ret_n)
{
    char key[KEY_MAX];
    pool_key(pool, "lists", key);
    if (!sl_direct_say(d, (const char *const[]){"SMEMBERS", key, NULL}))
        return false;
    if (d->reply->type != REDIS_REPLY_ARRAY)
        return sl_direct_bad_shape(d, "set of lists");
    size_t n = d->reply->elements;
    struct sl_uuid *ids = sl_xcalloc(n + 1, sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        const redisReply *e = d->reply->element[i];
        if (e->type != REDIS_REPLY_STRING || !sl_uuid_parse(sl_span(e->str, e->len), &ids[i])) {
            free(ids);
            return sl_direct_bad_shape(d, "id of a list");
        }
    }
    qsort(ids, n, sizeof *ids, by_bytes);
    *ret_ids = ids;
    *ret_n = n;
    return true;
}

static bool fields_of_list(const redisReply *r, struct sl_direct_list *ret)
{
    uint64_t size, bits, cursor;
    struct sl_direct_list l = {.size = 0};
    redisReply **e = r->element;
    if (e[0]->type != REDIS_REPLY_STRING || e[5]->type != REDIS_REPLY_STRING ||
        !decimal(e[1], UINT32_MAX, &size) || !decimal(e[2], 8, &bits) ||
        !decimal(e[3], (uint64_t)1 << 53, &l.version) || !decimal(e[4], UINT32_MAX, &cursor) ||
        !decimal(e[6], (uint64_t)1 << 53, &l.created))
        return false;
    l.uri = sl_span(e[0]->str, e[0]->len);
    l.state = sl_span(e[5]->str, e[5]->len);
    l.size = (uint32_t)size;
    l.bits = (uint8_t)bits;
    l.cursor = (uint32_t)cursor;
    *ret = l;
    return true;
}

bool sl_direct_list(struct sl_direct *d, const char *pool, const struct sl_uuid *id,
                    struct sl_direct_list *ret, bool *ret_gone)
{
    char config[KEY_MAX], data[KEY_MAX];
    list_key(pool, id, "config", config);
    list_key(pool, id, "data", data);
    struct sl_words w[4] = {sl_words_of((const char *const[]){"MULTI", NULL}),
                            sl_words_of((const char *const[]){"HMGET", config, "uri", "size", "bits",
                                                              "version", "cursor", "state", "created", NULL}),
                            sl_words_of((const char *const[]){"GET", data, NULL}),
                            sl_words_of((const char *const[]){"EXEC", NULL})};
    for (int i = 0; i < 4; i++)
        if (!sl_direct_queue(d, &w[i]))
            return false;
    for (int i = 0; i < 4; i++)
        if (!sl_direct_reply(d))
            return false;
    if (!is_array(d->reply, 2) || !is_array(d->reply->element[0], 7))
        return sl_direct_bad_shape(d, "list");
    *ret_gone = d->reply->element[0]->element[0]->type == REDIS_REPLY_NIL;
    if (*ret_gone)
        return true;
    struct sl_direct_list l;
    const redisReply *bytes = d->reply->element[1];
    if (!fields_of_list(d->reply->element[0], &l) ||
        (bytes->type != REDIS_REPLY_STRING && bytes->type != REDIS_REPLY_NIL))
        return sl_direct_bad_shape(d, "list");
    l.bytes = bytes->type == REDIS_REPLY_STRING ? sl_span(bytes->str, bytes->len) : sl_span("", 0);
    *ret = l;
    return true;
}

bool sl_direct_look(struct sl_direct *d, const char *pool, const struct sl_uuid *id, bool *ret_there,
                    uint64_t *ret_version, struct sl_span *ret_backup)
{
    char key[KEY_MAX];
    list_key(pool, id, "config", key);
    if (!sl_direct_say(d, (const char *const[]){"HMGET", key, "version", "backup", NULL}))
        return false;
    if (!is_array(d->reply, 2))
        return sl_direct_bad_shape(d, "list");
    const redisReply *version = d->reply->element[0], *backup = d->reply->element[1];
    bool there = version->type != REDIS_REPLY_NIL;
    if (there && !decimal(version, (uint64_t)1 << 53, ret_version))
        return sl_direct_bad_shape(d, "list");
    *ret_there = there;
    *ret_backup = backup->type == REDIS_REPLY_STRING ? sl_span(backup->str, backup->len) : sl_span("", 0);
    return true;
}

/* --- writing --- */

static struct sl_words script_call(struct sl_direct *d, unsigned which, const char *key, const char *key2)
{
    struct sl_words w = sl_words_of((const char *const[]){"EVALSHA", NULL});
    sl_words_add(&w, d->sha[which], SL_DIRECT_SHA);
    sl_words_add(&w, key2 != NULL ? "2" : "1", 1);
    sl_words_add(&w, key, strlen(key));
    if (key2 != NULL)
        sl_words_add(&w, key2, strlen(key2));
    return w;
}

bool sl_direct_open_pool(struct sl_direct *d, const char *pool, uint32_t size, uint8_t bits)
{
    char key[KEY_MAX], numbers[2][12];
    struct sl_pool_opened p;
    pool_key(pool, "config", key);
    snprintf(numbers[0], sizeof numbers[0], "%u", size);
    snprintf(numbers[1], sizeof numbers[1], "%u", bits);
    struct sl_words w = script_call(d, SL_DIRECT_OPEN_POOL, key, "statuslist:pools");
    sl_words_add(&w, pool, strlen(pool));
    sl_words_add(&w, numbers[0], strlen(numbers[0]));
    sl_words_add(&w, numbers[1], strlen(numbers[1]));
    if (!sl_direct_run(d, &w))
        return false;
    if (!sl_decode_pool(d->reply, &p))
        return sl_direct_bad_shape(d, "pool");
    if (p.size != size || p.bits != bits)
        return sl_direct_fail(d, "the pool %s has size %u and bits %u in Redis, and %u and %u in the backup",
                              pool, p.size, p.bits, size, bits);
    return true;
}

bool sl_direct_import(struct sl_direct *d, const char *pool, const struct sl_uuid *id,
                      const struct sl_direct_list *l, const char *backup, bool raise, enum sl_import *ret,
                      uint64_t *ret_version)
{
    char key[KEY_MAX], channel[KEY_MAX], text[SL_UUID_TEXT], numbers[4][24];
    const uint64_t values[4] = {l->size, l->bits, l->version, l->created};
    pool_key(pool, "config", key);
    sl_uuid_text(id, text);
    struct sl_words w = script_call(d, SL_DIRECT_IMPORT, key, NULL);
    sl_words_add(&w, channel,
                 (size_t)snprintf(channel, sizeof channel, "statuslist:%u:{%s}", d->database, pool));
    sl_words_add(&w, text, sizeof text);
    sl_words_add(&w, l->uri.at, l->uri.len);
    for (int i = 0; i < 4; i++)
        sl_words_add(&w, numbers[i], (size_t)snprintf(numbers[i], sizeof numbers[i], "%" PRIu64, values[i]));
    sl_words_add(&w, backup, strlen(backup));
    sl_words_add(&w, raise ? "1" : "0", 1);
    sl_words_add(&w, l->bytes.at, l->bytes.len);
    if (!sl_direct_run(d, &w))
        return false;
    int64_t what, version;
    if (!is_array(d->reply, 2) || !sl_decode_integer(d->reply->element[0], 0, SL_IMPORT_RETIRED, &what) ||
        !sl_decode_integer(d->reply->element[1], 0, INT64_MAX, &version))
        return sl_direct_bad_shape(d, "answer of the script");
    *ret = (enum sl_import)what;
    *ret_version = (uint64_t)version;
    return true;
}
