#include "store/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/number.h"
#include "store/decode_int.h"
#include "store/names_int.h"
#include "store/scripts.h"
#include "store/tls_int.h"

#define SHA 40 /* hex characters */
#define READ_BYTES 65536

/* The scripts that are used here. */
enum { OPEN_POOL, IMPORT, SCRIPTS };

struct sl_direct {
    redisContext *redis;
    redisReply *reply;    /* of the last command */
    struct sl_link *link; /* TLS over the context's socket; NULL: plain */
    char *out;            /* under TLS: commands that wait for the next reply to be asked for */
    size_t out_len;
    uint32_t timeout_ms;
    unsigned database;
    bool appends;
    char sha[SCRIPTS][SHA + 1];
    char why[300];
};

#define WORDS 20

/* A command: its words are the caller's. */
struct words {
    const char *at[WORDS];
    size_t len[WORDS];
    int n;
};

static const char *const scripts[SCRIPTS] = {"open_pool", "import"};

static void words_add(struct words *words, const char *bytes, size_t n)
{
    sl_assert(words->n < WORDS);
    words->at[words->n] = bytes;
    words->len[words->n++] = n;
}

static struct words words_of(const char *const *list)
{
    struct words words = {.n = 0};
    for (; *list != NULL; list++)
        words_add(&words, *list, strlen(*list));
    return words;
}

/* Says why; always false. */
__attribute__((format(printf, 2, 3))) static bool fail_command(struct sl_direct *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->why, sizeof d->why, fmt, ap);
    va_end(ap);
    return false;
}

static bool bad_shape(struct sl_direct *d, const char *of)
{
    return fail_command(d, "Redis has no valid %s", of);
}

/* ---- under TLS: hiredis connects, writes commands down and parses replies; the bytes between go through
 * tls.c */

/* Until the socket is ready for what the link waits for. False when `until_ns` has come, or it cannot be
 * said. */
static bool wait_for(const struct sl_direct *d, uint64_t until_ns)
{
    struct pollfd poll_fd = {.fd = d->redis->fd, .events = sl_link_wants_room(d->link) ? POLLOUT : POLLIN};
    uint64_t now = sl_mono_ns(&sl_clock_system);
    int rc = now < until_ns ? poll(&poll_fd, 1, (int)((until_ns - now) / SL_NS_PER_MS) + 1) : 0;
    return rc > 0 || (rc < 0 && errno == EINTR);
}

static uint64_t limit_of(const struct sl_direct *d)
{
    return sl_mono_ns(&sl_clock_system) + d->timeout_ms * SL_NS_PER_MS;
}

static bool start_tls(struct sl_direct *d, struct ssl_ctx_st *ctx, const struct sl_redis_options *options)
{
    uint64_t until = limit_of(d);
    int rc, flags = fcntl(d->redis->fd, F_GETFL);
    fcntl(d->redis->fd, F_SETFL, flags | O_NONBLOCK);
    d->link = sl_link_new(ctx, d->redis->fd, options);
    while ((rc = sl_link_handshake(d->link)) == 0)
        if (!wait_for(d, until))
            return fail_command(d, "no TLS handshake for %u ms: is it the TLS port?", d->timeout_ms);
    return rc > 0 || fail_command(d, "%s", sl_link_why(d->link));
}

static bool queue_tls(struct sl_direct *d, const struct words *words)
{
    char *text = NULL;
    long long n = redisFormatCommandArgv(&text, words->n, (const char **)words->at, words->len);
    sl_assert(n > 0);
    d->out = sl_xrealloc(d->out, d->out_len + (size_t)n);
    memcpy(d->out + d->out_len, text, (size_t)n);
    d->out_len += (size_t)n;
    redisFreeCommand(text);
    return true;
}

static bool fail_lost(struct sl_direct *d)
{
    return fail_command(d, "no reply from Redis: %s", sl_link_why(d->link));
}

static bool send_all(struct sl_direct *d, uint64_t until)
{
    for (size_t at = 0; at < d->out_len;) {
        struct iovec rest = {d->out + at, d->out_len - at};
        ssize_t n = sl_link_send(d->link, &rest, 1);
        if (n >= 0)
            at += (size_t)n;
        else if (errno != EAGAIN)
            return fail_lost(d);
        else if (!wait_for(d, until))
            return fail_command(d, "Redis accepted no command for %u ms", d->timeout_ms);
    }
    d->out_len = 0;
    return true;
}

static bool reply_tls(struct sl_direct *d, void **ret)
{
    char bytes[READ_BYTES];
    uint64_t until = limit_of(d);
    if (!send_all(d, until))
        return false;
    for (;;) {
        if (redisReaderGetReply(d->redis->reader, ret) != REDIS_OK)
            return fail_command(d, "no reply from Redis: %s", d->redis->reader->errstr);
        if (*ret != NULL)
            return true;
        ssize_t n = sl_link_recv(d->link, bytes, sizeof bytes);
        int fed = n > 0 ? redisReaderFeed(d->redis->reader, bytes, (size_t)n) : REDIS_OK;
        sl_assert(fed == REDIS_OK);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return fail_lost(d);
        if (n < 0 && !wait_for(d, until))
            return fail_command(d, "no reply from Redis for %u ms", d->timeout_ms);
    }
}

/* ---- commands and replies */

static bool read_reply(struct sl_direct *d)
{
    void *reply = NULL;
    freeReplyObject(d->reply);
    d->reply = NULL;
    if (d->link != NULL && !reply_tls(d, &reply))
        return false;
    if (d->link == NULL && redisGetReply(d->redis, &reply) != REDIS_OK)
        return fail_command(d, "no reply from Redis: %s", d->redis->errstr);
    d->reply = reply;
    if (d->reply->type == REDIS_REPLY_ERROR)
        return fail_command(d, "Redis answers: %.200s", d->reply->str);
    d->why[0] = '\0';
    return true;
}

static bool queue_command(struct sl_direct *d, const struct words *words)
{
    if (d->link != NULL)
        return queue_tls(d, words);
    if (redisAppendCommandArgv(d->redis, words->n, (const char **)words->at, words->len) != REDIS_OK)
        return fail_command(d, "the command was not sent: %s", d->redis->errstr);
    return true;
}

static bool run_command(struct sl_direct *d, const struct words *words)
{
    return queue_command(d, words) && read_reply(d);
}

static bool run_words(struct sl_direct *d, const char *const *list)
{
    struct words words = words_of(list);
    return run_command(d, &words);
}

/* ---- connecting */

static bool greet_server(struct sl_direct *d, const struct sl_redis_options *options)
{
    char database[16];
    snprintf(database, sizeof database, "%u", options->database);
    if (options->password != NULL && options->username != NULL &&
        !run_words(d, (const char *const[]){"AUTH", options->username, options->password, NULL}))
        return false;
    if (options->password != NULL && options->username == NULL &&
        !run_words(d, (const char *const[]){"AUTH", options->password, NULL}))
        return false;
    return run_words(d, (const char *const[]){"CLIENT", "SETNAME", "statuslistctl", NULL}) &&
           (options->database == 0 || run_words(d, (const char *const[]){"SELECT", database, NULL}));
}

static bool look_at_server(struct sl_direct *d, bool writes)
{
    struct sl_span role = {"", 0}, cluster = {"", 0}, aof = {"", 0};
    if (!run_words(d, (const char *const[]){"INFO", NULL}))
        return false;
    if (d->reply->type != REDIS_REPLY_STRING)
        return bad_shape(d, "INFO");
    struct sl_span info = sl_span(d->reply->str, d->reply->len);
    sl_decode_info(info, "role", &role);
    sl_decode_info(info, "cluster_enabled", &cluster);
    sl_decode_info(info, "aof_enabled", &aof);
    d->appends = sl_span_eq(aof, SL_SPAN("1"));
    if (sl_span_eq(cluster, SL_SPAN("1")))
        return fail_command(d, "Redis runs in cluster mode, which is not supported");
    if (writes && !sl_span_eq(role, SL_SPAN("master")))
        return fail_command(d, "this Redis is a replica: import into the primary");
    return true;
}

static bool load_script(struct sl_direct *d, unsigned which)
{
    size_t len;
    char *text = sl_script_text(scripts[which], &len);
    struct words words = words_of((const char *const[]){"SCRIPT", "LOAD", NULL});
    words_add(&words, text, len);
    bool ok = run_command(d, &words);
    free(text);
    if (!ok)
        return false;
    if (d->reply->type != REDIS_REPLY_STRING || d->reply->len != SHA)
        return bad_shape(d, "SCRIPT LOAD");
    memcpy(d->sha[which], d->reply->str, SHA);
    return true;
}

struct sl_direct *sl_direct_open(const struct sl_redis_options *options, struct ssl_ctx_st *tls, bool writes,
                                 struct sl_buf *why)
{
    struct sl_direct *d = sl_xcalloc(1, sizeof *d);
    struct timeval limit = {.tv_sec = options->command_timeout_ms / 1000,
                            .tv_usec = (suseconds_t)(options->command_timeout_ms % 1000) * 1000};
    d->database = options->database;
    d->timeout_ms = options->command_timeout_ms;
    d->redis = options->socket != NULL ? redisConnectUnixWithTimeout(options->socket, limit)
                                       : redisConnectWithTimeout(options->host, options->port, limit);
    bool ok = d->redis != NULL && d->redis->err == 0 && redisSetTimeout(d->redis, limit) == REDIS_OK;
    if (!ok)
        fail_command(d, "%s", d->redis != NULL ? d->redis->errstr : "no memory");
    ok = ok && (!options->tls.enabled || start_tls(d, tls, options)) && greet_server(d, options) &&
         look_at_server(d, writes);
    for (unsigned i = 0; ok && writes && i < SCRIPTS; i++)
        ok = load_script(d, i);
    if (ok)
        return d;
    if (options->socket != NULL)
        sl_buf_printf(why, "Redis at %s: %s", options->socket, d->why);
    else
        sl_buf_printf(why, "Redis at %s:%u: %s", options->host, options->port, d->why);
    sl_direct_free(d);
    return NULL;
}

void sl_direct_free(struct sl_direct *d)
{
    if (d == NULL)
        return;
    freeReplyObject(d->reply);
    sl_link_free(d->link);
    free(d->out);
    if (d->redis != NULL)
        redisFree(d->redis);
    free(d);
}

const char *sl_direct_why(const struct sl_direct *d)
{
    return d->why;
}

bool sl_direct_appends(const struct sl_direct *d)
{
    return d->appends;
}

/* ---- reading pools and lists */

static bool is_array(const redisReply *reply, size_t n)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == n;
}

static bool decode_decimal(const redisReply *reply, uint64_t max, uint64_t *ret)
{
    return reply->type == REDIS_REPLY_STRING && sl_number_parse(sl_span(reply->str, reply->len), max, ret);
}

bool sl_direct_pool(struct sl_direct *d, const char *pool, struct sl_direct_pool *ret)
{
    char key[SL_NAME_MAX];
    uint64_t size, bits;
    struct sl_direct_pool found = {.known = true};
    sl_name_pool(pool, "config", key);
    if (!run_words(d, (const char *const[]){"HMGET", key, "size", "bits", "change", "taken", NULL}))
        return false;
    if (!is_array(d->reply, 4))
        return bad_shape(d, "pool");
    redisReply **field = d->reply->element;
    if (field[0]->type == REDIS_REPLY_NIL) {
        *ret = (struct sl_direct_pool){.known = false};
        return true;
    }
    if (!decode_decimal(field[0], UINT32_MAX, &size) || !decode_decimal(field[1], 8, &bits) ||
        !decode_decimal(field[2], INT64_MAX, &found.change) ||
        !decode_decimal(field[3], INT64_MAX, &found.taken))
        return bad_shape(d, "pool");
    found.size = (uint32_t)size;
    found.bits = (uint8_t)bits;
    sl_name_pool(pool, "lists", key);
    if (!run_words(d, (const char *const[]){"SCARD", key, NULL}))
        return false;
    if (d->reply->type != REDIS_REPLY_INTEGER || d->reply->integer < 0)
        return bad_shape(d, "set of lists");
    found.lists = (uint64_t)d->reply->integer;
    *ret = found;
    return true;
}

static int by_bytes(const void *left, const void *right)
{
    return memcmp(left, right, sizeof(struct sl_uuid));
}

bool sl_direct_ids(struct sl_direct *d, const char *pool, struct sl_uuid **ret_ids, size_t *ret_n)
{
    char key[SL_NAME_MAX];
    sl_name_pool(pool, "lists", key);
    if (!run_words(d, (const char *const[]){"SMEMBERS", key, NULL}))
        return false;
    if (d->reply->type != REDIS_REPLY_ARRAY)
        return bad_shape(d, "set of lists");
    size_t n = d->reply->elements;
    struct sl_uuid *ids = sl_xcalloc(n + 1, sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        const redisReply *id = d->reply->element[i];
        if (id->type != REDIS_REPLY_STRING || !sl_uuid_parse(sl_span(id->str, id->len), &ids[i])) {
            free(ids);
            return bad_shape(d, "id of a list");
        }
    }
    qsort(ids, n, sizeof *ids, by_bytes);
    *ret_ids = ids;
    *ret_n = n;
    return true;
}

/* A field that a list may lack. */
static bool optional_field(const redisReply *field, struct sl_span *ret)
{
    bool is = field->type == REDIS_REPLY_STRING;
    *ret = is ? sl_span(field->str, field->len) : sl_span("", 0);
    return is || field->type == REDIS_REPLY_NIL;
}

static bool fields_of_list(const redisReply *reply, struct sl_direct_list *ret)
{
    uint64_t size, bits, cursor;
    struct sl_direct_list list = {.size = 0};
    redisReply **field = reply->element;
    if (field[0]->type != REDIS_REPLY_STRING || field[5]->type != REDIS_REPLY_STRING ||
        !decode_decimal(field[1], UINT32_MAX, &size) || !decode_decimal(field[2], 8, &bits) ||
        !decode_decimal(field[3], (uint64_t)1 << 53, &list.version) ||
        !decode_decimal(field[4], UINT32_MAX, &cursor) ||
        !decode_decimal(field[6], (uint64_t)1 << 53, &list.created) || !optional_field(field[7], &list.at) ||
        !optional_field(field[8], &list.line) || !optional_field(field[9], &list.cut))
        return false;
    list.uri = sl_span(field[0]->str, field[0]->len);
    list.state = sl_span(field[5]->str, field[5]->len);
    list.size = (uint32_t)size;
    list.bits = (uint8_t)bits;
    list.cursor = (uint32_t)cursor;
    *ret = list;
    return true;
}

bool sl_direct_list(struct sl_direct *d, const char *pool, const struct sl_uuid *id,
                    struct sl_direct_list *ret, bool *ret_gone)
{
    char config[SL_NAME_MAX], data[SL_NAME_MAX];
    sl_name_list(pool, id, "config", config);
    sl_name_list(pool, id, "data", data);
    struct words words[4] = {
        words_of((const char *const[]){"MULTI", NULL}),
        words_of((const char *const[]){"HMGET", config, "uri", "size", "bits", "version", "cursor", "state",
                                       "created", "at", "line", "cut", NULL}),
        words_of((const char *const[]){"GET", data, NULL}), words_of((const char *const[]){"EXEC", NULL})};
    for (int i = 0; i < 4; i++)
        if (!queue_command(d, &words[i]))
            return false;
    for (int i = 0; i < 4; i++)
        if (!read_reply(d))
            return false;
    if (!is_array(d->reply, 2) || !is_array(d->reply->element[0], 10))
        return bad_shape(d, "list");
    *ret_gone = d->reply->element[0]->element[0]->type == REDIS_REPLY_NIL;
    if (*ret_gone)
        return true;
    struct sl_direct_list list;
    const redisReply *bytes = d->reply->element[1];
    if (!fields_of_list(d->reply->element[0], &list) ||
        (bytes->type != REDIS_REPLY_STRING && bytes->type != REDIS_REPLY_NIL))
        return bad_shape(d, "list");
    list.bytes = bytes->type == REDIS_REPLY_STRING ? sl_span(bytes->str, bytes->len) : sl_span("", 0);
    *ret = list;
    return true;
}

bool sl_direct_look(struct sl_direct *d, const char *pool, const struct sl_uuid *id, bool *ret_there,
                    uint64_t *ret_version, struct sl_span *ret_backup)
{
    char key[SL_NAME_MAX];
    sl_name_list(pool, id, "config", key);
    if (!run_words(d, (const char *const[]){"HMGET", key, "version", "backup", NULL}))
        return false;
    if (!is_array(d->reply, 2))
        return bad_shape(d, "list");
    const redisReply *version = d->reply->element[0], *backup = d->reply->element[1];
    bool there = version->type != REDIS_REPLY_NIL;
    if (there && !decode_decimal(version, (uint64_t)1 << 53, ret_version))
        return bad_shape(d, "list");
    *ret_there = there;
    *ret_backup = backup->type == REDIS_REPLY_STRING ? sl_span(backup->str, backup->len) : sl_span("", 0);
    return true;
}

/* ---- writing */

static struct words script_call(struct sl_direct *d, unsigned which, const char *key, const char *key2)
{
    struct words words = words_of((const char *const[]){"EVALSHA", NULL});
    words_add(&words, d->sha[which], SHA);
    words_add(&words, key2 != NULL ? "2" : "1", 1);
    words_add(&words, key, strlen(key));
    if (key2 != NULL)
        words_add(&words, key2, strlen(key2));
    return words;
}

bool sl_direct_open_pool(struct sl_direct *d, const char *pool, uint32_t size, uint8_t bits)
{
    char key[SL_NAME_MAX], numbers[2][12];
    struct sl_pool_opened opened;
    sl_name_pool(pool, "config", key);
    snprintf(numbers[0], sizeof numbers[0], "%u", size);
    snprintf(numbers[1], sizeof numbers[1], "%u", bits);
    struct words words = script_call(d, OPEN_POOL, key, SL_NAME_POOLS);
    words_add(&words, pool, strlen(pool));
    words_add(&words, numbers[0], strlen(numbers[0]));
    words_add(&words, numbers[1], strlen(numbers[1]));
    if (!run_command(d, &words))
        return false;
    if (!sl_decode_pool(d->reply, &opened))
        return bad_shape(d, "pool");
    if (opened.size != size || opened.bits != bits)
        return fail_command(
            d, "the pool %s has size %u and bits %u in Redis, but size %u and bits %u in the backup", pool,
            opened.size, opened.bits, size, bits);
    return true;
}

static const enum sl_result import_results[] = {
    [SL_IMPORT_NEWER] = SL_RESULT_CURRENT,  [SL_IMPORT_MADE] = SL_RESULT_WRITTEN,
    [SL_IMPORT_RAISED] = SL_RESULT_RAISED,  [SL_IMPORT_AGAIN] = SL_RESULT_REPEATED,
    [SL_IMPORT_THERE] = SL_RESULT_PRESENT,  [SL_IMPORT_SHAPE] = SL_RESULT_OTHER_SHAPE,
    [SL_IMPORT_RETIRED] = SL_RESULT_RETIRED};

bool sl_direct_import(struct sl_direct *d, const char *pool, const struct sl_uuid *id,
                      const struct sl_direct_list *list, const char *backup, bool raise, enum sl_import *ret,
                      uint64_t *ret_version)
{
    char key[SL_NAME_MAX], channel[SL_NAME_MAX], text[SL_UUID_TEXT], numbers[4][24];
    const uint64_t values[4] = {list->size, list->bits, list->version, list->created};
    sl_name_pool(pool, "config", key);
    sl_uuid_text(id, text);
    struct words words = script_call(d, IMPORT, key, NULL);
    words_add(&words, channel, sl_name_channel(d->database, pool, channel));
    words_add(&words, text, sizeof text);
    words_add(&words, list->uri.at, list->uri.len);
    for (int i = 0; i < 4; i++)
        words_add(&words, numbers[i], (size_t)snprintf(numbers[i], sizeof numbers[i], "%" PRIu64, values[i]));
    words_add(&words, backup, strlen(backup));
    words_add(&words, raise ? "1" : "0", 1);
    words_add(&words, list->bytes.at, list->bytes.len);
    words_add(&words, list->at.at, list->at.len);
    words_add(&words, list->line.at, list->line.len);
    words_add(&words, list->cut.at, list->cut.len);
    if (!run_command(d, &words))
        return false;
    unsigned what;
    int64_t version;
    if (!is_array(d->reply, 2) ||
        !sl_decode_result(d->reply->element[0], import_results,
                          sizeof import_results / sizeof import_results[0], &what) ||
        !sl_decode_integer(d->reply->element[1], 0, INT64_MAX, &version))
        return bad_shape(d, "reply to the script");
    *ret = (enum sl_import)what;
    *ret_version = (uint64_t)version;
    return true;
}
