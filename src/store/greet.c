/* The commands leave at once and are answered in order: the password, the name, the database, our client
 * number and the list of clients. A wrong answer drops the connection, so those behind it are not looked
 * at. The list shows by their names the connections that this instance had before: those of another run,
 * and those of this run in the same role. They are killed before the owner goes on, because Redis could
 * otherwise still carry out a command of theirs after one of ours. The last reply to CLIENT KILL ends the
 * greeting. */
#include "store/greet_int.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/decode_int.h"
#include "store/metrics.h"

static bool is_ok(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_STATUS && reply->len == 2 && memcmp(reply->str, "OK", 2) == 0;
}

static void on_auth(struct sl_conn *c, const struct redisReply *reply)
{
    if (!is_ok(reply))
        sl_conn_refused(c, "the password", reply);
}

static void on_select(struct sl_conn *c, const struct redisReply *reply)
{
    if (!is_ok(reply))
        sl_conn_refused(c, "the database number", reply);
}

static void on_name(struct sl_conn *c, const struct redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOAUTH", 6) == 0)
        sl_conn_drop(c, true, "Redis asks for a password and none is configured");
    else if (!is_ok(reply))
        sl_conn_refused(c, "CLIENT SETNAME", reply);
}

static void on_id(struct sl_conn *c, const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_INTEGER)
        sl_conn_refused(c, "CLIENT ID", reply);
    else
        c->client_id = reply->integer;
}

static void finish_greeting(struct sl_conn *c)
{
    if (c->state != SL_STORE_GREETING)
        return;
    sl_conn_verifying(c);
    if (c->state == SL_STORE_VERIFYING) /* on_state may have freed or drained us */
        c->greeted(c);
}

static void on_kill(struct sl_conn *c, const struct redisReply *reply)
{
    /* 0: it was gone already. */
    if (reply->type != REDIS_REPLY_INTEGER) {
        sl_conn_refused(c, "CLIENT KILL", reply);
        return;
    }
    if (reply->integer > 0 && c->setup.metrics != NULL)
        sl_metric_add(c->setup.metrics, SL_STORE_M_KILLED, (uint64_t)reply->integer);
    if (--c->kills == 0)
        finish_greeting(c);
}

static void kill_client(void *arg, int64_t id)
{
    struct sl_conn *c = arg;
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, id);
    sl_log(SL_INFO, "redis", "closing a former connection", SL_KS("role", c->setup.role),
           SL_KI("client", id));
    c->kills++;
    sl_conn_ask(c, on_kill, (const char *const[]){"CLIENT", "KILL", "ID", text, NULL});
}

static void on_clients(struct sl_conn *c, const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING) {
        sl_conn_refused(c, "CLIENT LIST", reply);
        return;
    }
    const struct sl_store_identity *me = c->setup.identity;
    c->kills = 0;
    c->watched = sl_decode_watched(sl_span(reply->str, reply->len));
    sl_decode_predecessors(sl_span(reply->str, reply->len), me, c->setup.role, c->client_id, kill_client, c);
    if (c->kills == 0)
        finish_greeting(c);
}

void sl_conn_greet(struct sl_conn *c, sl_conn_cb *then)
{
    const struct sl_redis_options *options = c->setup.options;
    char name[160], database[16];
    c->greeted = then;
    snprintf(name, sizeof name, "statuslistd:%s:%s:%.64s", c->setup.identity->instance,
             c->setup.identity->run, c->setup.role);
    snprintf(database, sizeof database, "%u", options->database);
    if (options->password != NULL && options->username != NULL)
        sl_conn_ask(c, on_auth, (const char *const[]){"AUTH", options->username, options->password, NULL});
    else if (options->password != NULL)
        sl_conn_ask(c, on_auth, (const char *const[]){"AUTH", options->password, NULL});
    sl_conn_ask(c, on_name, (const char *const[]){"CLIENT", "SETNAME", name, NULL});
    if (options->database != 0)
        sl_conn_ask(c, on_select, (const char *const[]){"SELECT", database, NULL});
    sl_conn_ask(c, on_id, (const char *const[]){"CLIENT", "ID", NULL});
    sl_conn_ask(c, on_clients, (const char *const[]){"CLIENT", "LIST", NULL});
}
