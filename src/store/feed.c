#include "store/feed.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "base/log.h"
#include "store/conn_int.h"
#include "store/decode_int.h"
#include "store/greet_int.h"
#include "store/names_int.h"

struct sl_feed {
    struct sl_conn conn;
    const char *const *pools;
    const struct sl_feed_shown *shown;
    sl_feed_version_cb *on_version;
    void *arg;
    unsigned awaited; /* subscriptions that are not confirmed */
};

static bool is_word(const struct redisReply *reply, const char *word)
{
    return reply->type == REDIS_REPLY_STRING &&
           sl_span_eq(sl_span(reply->str, reply->len), sl_span(word, strlen(word)));
}

static const char *pool_of(const struct sl_feed *f, struct sl_span channel)
{
    char name[SL_NAME_MAX];
    for (const char *const *p = f->pools; *p != NULL; p++) {
        size_t n = sl_name_channel(f->conn.setup.options->database, *p, name);
        if (sl_span_eq(channel, sl_span(name, n)))
            return *p;
    }
    return NULL;
}

static bool read_news(struct sl_conn *c, const struct redisReply *reply)
{
    struct sl_feed *f = sl_container_of(c, struct sl_feed, conn);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !is_word(reply->element[0], "message"))
        return false;
    struct sl_uuid list;
    uint64_t version;
    const struct redisReply *channel = reply->element[1], *payload = reply->element[2];
    const char *pool =
        channel->type == REDIS_REPLY_STRING ? pool_of(f, sl_span(channel->str, channel->len)) : NULL;
    if (pool == NULL || payload->type != REDIS_REPLY_STRING ||
        !sl_decode_news(sl_span(payload->str, payload->len), &list, &version)) {
        sl_log(SL_WARN, "redis", "unexpected message on the subscription");
        return true;
    }
    if (c->state == SL_STORE_UP)
        f->on_version(f->arg, pool, &list, version);
    return true;
}

static void on_subscribed(struct sl_conn *c, const struct redisReply *reply)
{
    struct sl_feed *f = sl_container_of(c, struct sl_feed, conn);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !is_word(reply->element[0], "subscribe"))
        sl_conn_refused(c, "SUBSCRIBE", reply);
    else if (--f->awaited == 0 && c->state == SL_STORE_VERIFYING)
        sl_conn_up(c);
}

static void channel_of_fingerprint(const struct sl_feed *f, size_t pool, const struct sl_feed_shown *shown,
                                   char name[static SL_NAME_MAX])
{
    const struct sl_store_setup *s = &f->conn.setup;
    sl_name_shown(s->options->database, f->pools[pool], shown->fingerprint, s->identity->instance, name);
}

static void channel_of_tempo(const struct sl_feed *f, size_t pool, const struct sl_feed_shown *shown,
                             char name[static SL_NAME_MAX])
{
    const struct sl_store_setup *s = &f->conn.setup;
    sl_name_tempo(s->options->database, f->pools[pool], shown->update_ms, shown->ttl_ms,
                  s->identity->instance, name);
}

static void subscribe(struct sl_feed *f, const char *name)
{
    f->awaited++;
    sl_conn_ask(&f->conn, on_subscribed, (const char *const[]){"SUBSCRIBE", name, NULL});
}

static void subscribe_channels(struct sl_conn *c)
{
    struct sl_feed *f = sl_container_of(c, struct sl_feed, conn);
    char name[SL_NAME_MAX];
    f->awaited = 0;
    for (const char *const *p = f->pools; *p != NULL; p++) {
        const struct sl_feed_shown *shown = &f->shown[p - f->pools];
        sl_name_channel(c->setup.options->database, *p, name);
        subscribe(f, name);
        /* Before the options: who shows these, and not this, takes from lists without owners. */
        sl_name_knows_owners(c->setup.options->database, *p, c->setup.identity->instance, name);
        subscribe(f, name);
        channel_of_tempo(f, (size_t)(p - f->pools), shown, name);
        subscribe(f, name);
        channel_of_fingerprint(f, (size_t)(p - f->pools), shown, name);
        subscribe(f, name);
    }
    if (f->awaited == 0)
        sl_conn_up(c);
}

/* While it cannot write to its disk, Redis refuses PING too, and goes on to pass messages; likewise while a
 * script keeps it busy. */
static bool is_alive(const struct redisReply *reply)
{
    return reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "MISCONF ", 8) == 0 ||
           strncmp(reply->str, "BUSY ", 5) == 0;
}

static void on_pong(struct sl_conn *c, const struct redisReply *reply)
{
    if (!is_alive(reply))
        sl_conn_refused(c, "PING", reply);
}

static void beat_feed(struct sl_conn *c)
{
    if (c->head == NULL)
        sl_conn_ask(c, on_pong, (const char *const[]){"PING", NULL});
}

static void free_feed(struct sl_conn *c)
{
    free(c);
}

static void greet_then_subscribe(struct sl_conn *c)
{
    sl_conn_greet(c, subscribe_channels);
}

static const struct sl_conn_hooks hooks = {
    .connected = greet_then_subscribe, .news = read_news, .beat = beat_feed, .destroy = free_feed};

struct sl_feed *sl_feed_new(const struct sl_feed_setup *setup)
{
    struct sl_feed *f = sl_xcalloc(1, sizeof *f);
    f->pools = setup->pools;
    f->shown = setup->shown;
    f->on_version = setup->on_version;
    f->arg = setup->arg;
    sl_conn_init(&f->conn, &setup->connection, &hooks);
    return f;
}

static void on_shown(struct sl_conn *c, const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        sl_conn_refused(c, "SUBSCRIBE", reply);
}

static void exchange_channels(struct sl_feed *f, const char *now, const char *before)
{
    if (strcmp(now, before) == 0)
        return;
    sl_conn_ask(&f->conn, on_shown, (const char *const[]){"SUBSCRIBE", now, NULL});
    sl_conn_ask(&f->conn, on_shown, (const char *const[]){"UNSUBSCRIBE", before, NULL});
}

void sl_feed_show(struct sl_feed *f, size_t pool, const struct sl_feed_shown *before)
{
    char now[SL_NAME_MAX], old[SL_NAME_MAX];
    if (f->conn.state != SL_STORE_VERIFYING && f->conn.state != SL_STORE_UP)
        return; /* the next connection shows it */
    channel_of_tempo(f, pool, &f->shown[pool], now);
    channel_of_tempo(f, pool, before, old);
    exchange_channels(f, now, old);
    channel_of_fingerprint(f, pool, &f->shown[pool], now);
    channel_of_fingerprint(f, pool, before, old);
    exchange_channels(f, now, old);
}

enum sl_store_state sl_feed_state(const struct sl_feed *f)
{
    return f->conn.state;
}

const char *sl_feed_reason(const struct sl_feed *f)
{
    return f->conn.reason;
}

bool sl_feed_hopeless(const struct sl_feed *f)
{
    return f->conn.hopeless;
}

void sl_feed_free(struct sl_feed *f)
{
    if (f != NULL)
        sl_conn_free(&f->conn);
}
