/* The keeper's questions about the server, at each connect and every ten seconds; while Redis is unfit or in
 * doubt, every second. They leave at once and are answered in order: INFO and CONFIG GET (verify.c); whether
 * sentinels watch; an empty SETRANGE, which writes nothing and is refused where Redis refuses writes; and one
 * script that tries the rights of the Redis user (rights.h). Of several faults the worst counts, and of two
 * that are equally bad the first. At the first connect a start is refused for what only an operator mends;
 * later the connection stays for reading, and the process' fitness says why nothing durable is written. */
#include "store/check_int.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "store/decode_int.h"
#include "store/metrics.h"
#include "store/names_int.h"
#include "store/rights.h"
#include "store/scripts.h"

#define CHECK_EVERY_NS (10 * SL_NS_PER_S)
#define AGAIN_NS SL_NS_PER_S                /* while it is unfit */
#define REPLICAS_KEPT_NS (60 * SL_NS_PER_S) /* wait-replicas: all: a replica that has left counts so long */
#define WATCHED_NS (30 * SL_NS_PER_S)       /* sentinels that were seen count so long */

static void note(struct sl_check *check, enum sl_verdict verdict, bool risky, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void note(struct sl_check *check, enum sl_verdict verdict, bool risky, const char *fmt, ...)
{
    check->risky |= risky;
    if (verdict <= check->verdict)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(check->why, sizeof check->why, fmt, ap);
    va_end(ap);
    check->verdict = verdict;
}

static bool is_error(const struct redisReply *reply, const char *prefix)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, prefix, strlen(prefix)) == 0;
}

/* ---- the end */

static void end_check(struct sl_conn *c)
{
    struct sl_check *check = &c->check;
    bool fit = check->verdict == SL_VERDICT_FIT;
    if (c->setup.metrics != NULL)
        sl_metric_add_label(c->setup.metrics, SL_STORE_M_VERIFICATIONS, fit ? 0 : 1, 1);
    check->done_ns = sl_conn_now(c);
    check->running = false;
    atomic_store_explicit(&c->setup.fitness->doubted, false, memory_order_relaxed);
    sl_fitness_judge(c->setup.fitness, fit ? NULL : check->why, check->risky);
    if (check->verdict == SL_VERDICT_NEVER || (check->verdict == SL_VERDICT_UNFIT && !check->accepted)) {
        sl_conn_drop(c, true, "%s", check->why);
    } else if (check->verdict == SL_VERDICT_REPLICA) {
        sl_conn_drop(c, false, "%s", check->why);
    } else {
        check->accepted = true;
        if (c->state == SL_STORE_VERIFYING)
            sl_conn_up(c);
    }
}

/* ---- replicas */

static void warn_about_replicas(struct sl_check *check, uint32_t wanted, uint32_t have)
{
    if (wanted >= have || check->told == have)
        return;
    check->told = have;
    sl_log(SL_WARN, "redis",
           "wait-replicas is less than the replicas that are connected: a failover may choose one that lacks "
           "an acknowledged update",
           SL_KU("wait_replicas", wanted), SL_KU("replicas", have));
}

/* As many as there were within the last minute: right after a failover few are connected. */
static uint32_t all_replicas(struct sl_conn *c, uint32_t have)
{
    struct sl_check *check = &c->check;
    uint64_t now = sl_conn_now(c);
    if (have >= check->replicas || now - check->replicas_ns > REPLICAS_KEPT_NS) {
        if (have < check->replicas)
            sl_log(SL_WARN, "redis", "fewer replicas than before are connected: updates wait for these only",
                   SL_KU("before", check->replicas), SL_KU("replicas", have));
        check->replicas = have;
        check->replicas_ns = now;
    }
    return check->replicas > 0 ? check->replicas : 1;
}

static void check_replicas(struct sl_conn *c)
{
    struct sl_check *check = &c->check;
    uint32_t option = c->setup.options->wait_replicas, have = sl_decode_replicas(check->info);
    uint32_t wanted = option != SL_WAIT_ALL ? option : all_replicas(c, have);
    atomic_store_explicit(&c->setup.fitness->replicas, wanted, memory_order_relaxed);
    if (c->setup.fitness->metrics != NULL)
        sl_metric_set(c->setup.fitness->metrics, SL_FITNESS_M_REPLICAS, have);
    if (option > 0)
        warn_about_replicas(check, wanted, have);
    if (have < wanted)
        note(check, SL_VERDICT_PASSING, false, "%u of the %u replicas that %s are connected and keep up",
             have, wanted,
             option == SL_WAIT_ALL ? "have to confirm (wait-replicas: all)" : "wait-replicas demands");
}

/* ---- questions and answers */

static void keep_id(struct sl_span info, const char *name, char id[static SL_REPLID_MAX + 1])
{
    struct sl_span value = {"", 0};
    sl_decode_info(info, name, &value);
    size_t len = value.len <= SL_REPLID_MAX ? value.len : 0;
    memcpy(id, value.at, len);
    id[len] = '\0';
}

static void keep_ids(struct sl_conn *c, struct sl_span info)
{
    keep_id(info, "run_id", c->server.run_id);
    keep_id(info, "master_replid", c->server.replid);
}

static void on_info(struct sl_conn *c, const struct redisReply *reply)
{
    struct sl_check *check = &c->check;
    free((char *)check->info.at);
    check->info = sl_span(NULL, 0);
    if (reply->type != REDIS_REPLY_STRING && c->state == SL_STORE_VERIFYING) {
        sl_conn_refused(c, "INFO", reply);
        return;
    }
    if (reply->type != REDIS_REPLY_STRING)
        note(check, is_error(reply, "NOPERM") ? SL_VERDICT_UNFIT : SL_VERDICT_PASSING, true,
             "Redis refuses INFO: %.100s", reply->type == REDIS_REPLY_ERROR ? reply->str : "no text");
    size_t len = reply->type == REDIS_REPLY_STRING ? reply->len : 0;
    char *copy = sl_xcalloc(1, len + 1);
    memcpy(copy, len > 0 ? reply->str : "", len);
    check->info = sl_span(copy, len);
    if (len > 0)
        keep_ids(c, check->info);
}

static void on_config(struct sl_conn *c, const struct redisReply *reply)
{
    struct sl_check *check = &c->check;
    char text[200];
    struct sl_buf why;
    if (check->info.len == 0)
        return;
    sl_buf_over(&why, text, sizeof text);
    enum sl_verdict verdict = sl_verify_server(c->setup.options, check->info, reply, &why);
    if (verdict != SL_VERDICT_FIT)
        note(check, verdict, true, "%s", sl_buf_cstr(&why));
    check_replicas(c);
}

/* In a failover the sentinels leave the former primary for some seconds, while it still takes writes: their
 * absence counts only once it has lasted. */
static void on_sentinels(struct sl_conn *c, const struct redisReply *reply)
{
    struct sl_check *check = &c->check;
    bool heard = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0;
    if (heard || (c->watched && c->state == SL_STORE_VERIFYING))
        check->watched_until_ns = sl_conn_now(c) + WATCHED_NS;
    if (sl_conn_now(c) < check->watched_until_ns)
        note(check, SL_VERDICT_UNFIT, true,
             "sentinels watch this Redis and may make it a replica; mode: sentinel does not exist yet");
}

static void on_probe(struct sl_conn *c, const struct redisReply *reply)
{
    struct sl_check *check = &c->check;
    if (is_error(reply, "READONLY"))
        note(check, SL_VERDICT_REPLICA, true, "Redis refuses to write: %.100s", reply->str);
    else if (reply->type == REDIS_REPLY_ERROR &&
             !is_error(reply, "NOPERM")) /* rights.lua names that better */
        note(check, SL_VERDICT_PASSING, false, "Redis refuses to write: %.100s", reply->str);
}

static void on_rights(struct sl_conn *c, const struct redisReply *reply)
{
    struct sl_check *check = &c->check;
    if (is_error(reply, "NOPERM"))
        note(check, SL_VERDICT_UNFIT, false, "the Redis user may not run EVALSHA on the keys of a pool");
    else if (reply->type != REDIS_REPLY_STRING)
        note(check, SL_VERDICT_UNFIT, false, "Redis does not say what its user may run: %.100s",
             reply->type == REDIS_REPLY_ERROR ? reply->str : "no text");
    else if (reply->len > 0)
        note(check, SL_VERDICT_UNFIT, false, "the Redis user may not run %.*s",
             (int)(reply->len < 150 ? reply->len : 150), reply->str);
    end_check(c);
}

/* The keys and channels of the pools, one a line; without `all`, of none but the first. */
static void put_pools(const struct sl_store_setup *setup, bool all, struct sl_buf *keys,
                      struct sl_buf *channels)
{
    char name[SL_NAME_MAX];
    sl_buf_puts(keys, SL_NAME_POOLS "\n");
    for (const char *const *p = setup->pools; p != NULL && *p != NULL && (all || p == setup->pools); p++) {
        sl_buf_put(keys, name, sl_name_pool(*p, "config", name));
        sl_buf_putc(keys, '\n');
        sl_buf_put(channels, name, sl_name_channel(setup->options->database, *p, name));
        sl_buf_putc(channels, '\n');
        sl_buf_put(channels, name,
                   sl_name_shown(setup->options->database, *p, 0, setup->identity->instance, name));
        sl_buf_putc(channels, '\n');
    }
}

static void on_loaded(struct sl_conn *c, const struct redisReply *reply)
{
    struct sl_check *check = &c->check;
    if (reply->type != REDIS_REPLY_STRING) {
        note(check, is_error(reply, "NOPERM") ? SL_VERDICT_UNFIT : SL_VERDICT_PASSING, false,
             "Redis refuses SCRIPT LOAD: %.100s", reply->type == REDIS_REPLY_ERROR ? reply->str : "no text");
        end_check(c);
        return;
    }
    const struct sl_store_setup *setup = &c->setup;
    const char *pool = setup->pools != NULL && setup->pools[0] != NULL ? setup->pools[0] : "";
    bool all = c->state == SL_STORE_VERIFYING || sl_fitness_reason(setup->fitness) != NULL;
    char key[SL_NAME_MAX], channel[SL_NAME_MAX];
    struct sl_buf commands, keys, channels;
    sl_buf_init(&commands, SIZE_MAX);
    sl_buf_init(&keys, SIZE_MAX);
    sl_buf_init(&channels, SIZE_MAX);
    sl_name_pool(pool, "config", key);
    sl_name_channel(setup->options->database, pool, channel);
    sl_rights_put(setup->options, &commands);
    put_pools(setup, all, &keys, &channels);
    sl_conn_ask(c, on_rights,
                (const char *const[]){"EVALSHA", reply->str, "1", key, channel, sl_buf_cstr(&commands),
                                      sl_buf_cstr(&keys), sl_buf_cstr(&channels), NULL});
    sl_buf_free(&commands);
    sl_buf_free(&keys);
    sl_buf_free(&channels);
}

static void ask_rights(struct sl_conn *c)
{
    size_t len;
    char *script = sl_script_text("rights", &len);
    struct sl_buf text;
    sl_buf_init(&text, SIZE_MAX);
    sl_buf_put(&text, script, len);
    sl_conn_ask(c, on_loaded, (const char *const[]){"SCRIPT", "LOAD", sl_buf_cstr(&text), NULL});
    sl_buf_free(&text);
    free(script);
}

static void ask_all(struct sl_conn *c)
{
    const struct sl_store_setup *setup = &c->setup;
    struct sl_check *check = &c->check;
    char key[SL_NAME_MAX];
    check->running = true;
    check->verdict = SL_VERDICT_FIT;
    check->risky = false;
    sl_name_pool(setup->pools != NULL && setup->pools[0] != NULL ? setup->pools[0] : "", "probe", key);
    sl_conn_ask(c, on_info, (const char *const[]){"INFO", NULL});
    sl_conn_ask(c, on_config,
                (const char *const[]){"CONFIG", "GET", "appendonly", "appendfsync",
                                      "no-appendfsync-on-rewrite", "maxmemory-policy", NULL});
    if (setup->options->mode == SL_REDIS_EXTERNAL)
        sl_conn_ask(c, on_sentinels, (const char *const[]){"PUBSUB", "CHANNELS", "__sentinel__:hello", NULL});
    sl_conn_ask(c, on_probe, (const char *const[]){"SETRANGE", key, "0", "", NULL});
    ask_rights(c);
}

/* ---- a connection that does not verify: only the kind of server, at each connect and when its owner asks */

static void on_kind(struct sl_conn *c, const struct redisReply *reply)
{
    struct sl_span info, role = {"", 0}, cluster = {"", 0};
    if (reply->type != REDIS_REPLY_STRING) {
        sl_conn_refused(c, "INFO", reply);
        return;
    }
    sl_server_cb *asked = c->asked;
    c->asked = NULL;
    info = sl_span(reply->str, reply->len);
    keep_ids(c, info);
    sl_decode_info(info, "role", &role);
    sl_decode_info(info, "cluster_enabled", &cluster);
    if (sl_span_eq(cluster, SL_SPAN("1")))
        sl_conn_drop(c, true, "Redis runs in cluster mode, which is not supported: one primary is needed");
    else if (!sl_span_eq(role, SL_SPAN("master")))
        sl_conn_drop(c, false, "the role of the server is %.*s, must be master",
                     (int)(role.len < 32 ? role.len : 32), role.at);
    else if (c->state == SL_STORE_VERIFYING)
        sl_conn_up(c);
    else if (asked != NULL)
        asked(c->asked_arg);
}

void sl_check_start(struct sl_conn *c)
{
    if (c->state == SL_STORE_VERIFYING) {
        c->server = (struct sl_store_server){0};
        c->asked = NULL;
    }
    if (c->setup.verifies)
        ask_all(c);
    else
        sl_conn_ask(c, on_kind, (const char *const[]){"INFO", NULL});
}

bool sl_check_due(const struct sl_conn *c)
{
    const struct sl_check *check = &c->check;
    const struct sl_fitness *fitness = c->setup.fitness;
    bool soon =
        sl_fitness_reason(fitness) != NULL || atomic_load_explicit(&fitness->doubted, memory_order_relaxed);
    return !check->running && sl_conn_now(c) - check->done_ns >= (soon ? AGAIN_NS : CHECK_EVERY_NS);
}

void sl_check_free(struct sl_conn *c)
{
    free((char *)c->check.info.at);
}
