#include "store/store.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "store/ops_int.h"

#define VERIFY_EVERY_NS (10 * SL_NS_PER_S)

static void on_pong(struct sl_conn *c, const struct redisReply *r)
{
    (void)c;
    (void)r; /* that it came is the news */
}

/* An idle connection asks now and then, so that a server that stands still is noticed before it is needed. */
static void beat(struct sl_conn *c)
{
    struct sl_store *s = (struct sl_store *)c;
    if (c->setup.verifies && !s->verifying && sl_conn_now(c) - s->verified_ns >= VERIFY_EVERY_NS)
        sl_store_verify(s);
    else if (c->head == NULL)
        sl_conn_ask(c, on_pong, (const char *const[]){"PING", NULL});
}

static void prepare(struct sl_conn *c)
{
    ((struct sl_store *)c)->verifying = false;
    sl_store_prepare(c);
}

static void destroy(struct sl_conn *c)
{
    struct sl_store *s = (struct sl_store *)c;
    sl_assert(s->inflight == 0);
    free((char *)s->info.at);
    free(s);
}

static const struct sl_conn_hooks hooks = {.prepare = prepare, .beat = beat, .destroy = destroy};

struct sl_store *sl_store_new(const struct sl_store_setup *setup)
{
    struct sl_store *s = sl_xcalloc(1, sizeof *s);
    if (setup->verifies && setup->options->persistence == SL_PERSIST_DISABLED)
        sl_log(SL_WARN, "redis",
               "persistence is disabled: a crash of Redis loses all status changes since its last snapshot");
    sl_conn_init(&s->conn, setup, &hooks);
    return s;
}

enum sl_store_state sl_store_state(const struct sl_store *s)
{
    return s->conn.state;
}

const char *sl_store_reason(const struct sl_store *s)
{
    return s->conn.reason;
}

bool sl_store_hopeless(const struct sl_store *s)
{
    return s->conn.hopeless;
}

unsigned sl_store_inflight(const struct sl_store *s)
{
    return s->inflight;
}

uint64_t sl_store_rtt_ns(const struct sl_store *s)
{
    return s->rtt_ns;
}

void sl_store_drain(struct sl_store *s, uint64_t deadline_ns)
{
    sl_conn_drain(&s->conn, deadline_ns);
}

void sl_store_free(struct sl_store *s)
{
    if (s != NULL)
        sl_conn_free(&s->conn);
}
