#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "base/assert.h"
#include "store/direct_int.h"
#include "store/scripts.h"

static const char *const scripts[SL_DIRECT_SCRIPTS] = {"open_pool", "import"};

void sl_words_add(struct sl_words *w, const char *bytes, size_t n)
{
    sl_assert(w->n < SL_DIRECT_WORDS);
    w->at[w->n] = bytes;
    w->len[w->n++] = n;
}

struct sl_words sl_words_of(const char *const *list)
{
    struct sl_words w = {.n = 0};
    for (; *list != NULL; list++)
        sl_words_add(&w, *list, strlen(*list));
    return w;
}

bool sl_direct_fail(struct sl_direct *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->why, sizeof d->why, fmt, ap);
    va_end(ap);
    return false;
}

bool sl_direct_reply(struct sl_direct *d)
{
    void *r = NULL;
    freeReplyObject(d->reply);
    d->reply = NULL;
    if (d->link != NULL && !sl_direct_reply_tls(d, &r))
        return false;
    if (d->link == NULL && redisGetReply(d->redis, &r) != REDIS_OK)
        return sl_direct_fail(d, "Redis gave no answer: %s", d->redis->errstr);
    d->reply = r;
    if (d->reply->type == REDIS_REPLY_ERROR)
        return sl_direct_fail(d, "Redis answers: %.200s", d->reply->str);
    d->why[0] = '\0';
    return true;
}

bool sl_direct_queue(struct sl_direct *d, const struct sl_words *w)
{
    if (d->link != NULL)
        return sl_direct_queue_tls(d, w);
    if (redisAppendCommandArgv(d->redis, w->n, (const char **)w->at, w->len) != REDIS_OK)
        return sl_direct_fail(d, "the command was not sent: %s", d->redis->errstr);
    return true;
}

bool sl_direct_run(struct sl_direct *d, const struct sl_words *w)
{
    return sl_direct_queue(d, w) && sl_direct_reply(d);
}

bool sl_direct_say(struct sl_direct *d, const char *const *list)
{
    struct sl_words w = sl_words_of(list);
    return sl_direct_run(d, &w);
}

bool sl_direct_bad_shape(struct sl_direct *d, const char *of)
{
    return sl_direct_fail(d, "Redis has no %s as statuslistd writes it", of);
}

/* --- connecting --- */

static bool greet(struct sl_direct *d, const struct sl_redis_options *o)
{
    char database[16];
    snprintf(database, sizeof database, "%u", o->database);
    if (o->password != NULL && o->username != NULL &&
        !sl_direct_say(d, (const char *const[]){"AUTH", o->username, o->password, NULL}))
        return false;
    if (o->password != NULL && o->username == NULL &&
        !sl_direct_say(d, (const char *const[]){"AUTH", o->password, NULL}))
        return false;
    return sl_direct_say(d, (const char *const[]){"CLIENT", "SETNAME", "statuslistctl", NULL}) &&
           (o->database == 0 || sl_direct_say(d, (const char *const[]){"SELECT", database, NULL}));
}

static bool look_at_server(struct sl_direct *d, bool writes)
{
    struct sl_span role = {"", 0}, cluster = {"", 0}, aof = {"", 0};
    if (!sl_direct_say(d, (const char *const[]){"INFO", NULL}))
        return false;
    if (d->reply->type != REDIS_REPLY_STRING)
        return sl_direct_bad_shape(d, "INFO");
    struct sl_span info = sl_span(d->reply->str, d->reply->len);
    sl_decode_info(info, "role", &role);
    sl_decode_info(info, "cluster_enabled", &cluster);
    sl_decode_info(info, "aof_enabled", &aof);
    d->appends = sl_span_eq(aof, SL_SPAN("1"));
    if (sl_span_eq(cluster, SL_SPAN("1")))
        return sl_direct_fail(d, "Redis runs in cluster mode, which is not supported");
    if (writes && !sl_span_eq(role, SL_SPAN("master")))
        return sl_direct_fail(d, "this Redis is a replica: import into the primary");
    return true;
}

static bool load_script(struct sl_direct *d, unsigned which)
{
    const struct sl_lua_source *prelude = NULL, *script = NULL;
    for (const struct sl_lua_source *s = sl_lua_sources; s->name != NULL; s++) {
        if (strcmp(s->name, "prelude") == 0)
            prelude = s;
        if (strcmp(s->name, scripts[which]) == 0)
            script = s;
    }
    sl_assert(prelude != NULL && script != NULL);
    char *text = sl_xmalloc(prelude->len + script->len);
    memcpy(text, prelude->text, prelude->len);
    memcpy(text + prelude->len, script->text, script->len);
    struct sl_words w = sl_words_of((const char *const[]){"SCRIPT", "LOAD", NULL});
    sl_words_add(&w, text, prelude->len + script->len);
    bool ok = sl_direct_run(d, &w);
    free(text);
    if (!ok)
        return false;
    if (d->reply->type != REDIS_REPLY_STRING || d->reply->len != SL_DIRECT_SHA)
        return sl_direct_bad_shape(d, "SCRIPT LOAD");
    memcpy(d->sha[which], d->reply->str, SL_DIRECT_SHA);
    return true;
}

struct sl_direct *sl_direct_open(const struct sl_redis_options *o, struct ssl_ctx_st *tls, bool writes,
                                 struct sl_buf *why)
{
    struct sl_direct *d = sl_xcalloc(1, sizeof *d);
    struct timeval limit = {.tv_sec = o->command_timeout_ms / 1000,
                            .tv_usec = (suseconds_t)(o->command_timeout_ms % 1000) * 1000};
    d->database = o->database;
    d->timeout_ms = o->command_timeout_ms;
    d->redis = o->socket != NULL ? redisConnectUnixWithTimeout(o->socket, limit)
                                 : redisConnectWithTimeout(o->host, o->port, limit);
    bool ok = d->redis != NULL && d->redis->err == 0 && redisSetTimeout(d->redis, limit) == REDIS_OK;
    if (!ok)
        sl_direct_fail(d, "%s", d->redis != NULL ? d->redis->errstr : "no memory");
    ok = ok && (!o->tls.enabled || sl_direct_secure(d, tls, o)) && greet(d, o) && look_at_server(d, writes);
    for (unsigned i = 0; ok && writes && i < SL_DIRECT_SCRIPTS; i++)
        ok = load_script(d, i);
    if (ok)
        return d;
    if (o->socket != NULL)
        sl_buf_printf(why, "Redis at %s: %s", o->socket, d->why);
    else
        sl_buf_printf(why, "Redis at %s:%u: %s", o->host, o->port, d->why);
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
