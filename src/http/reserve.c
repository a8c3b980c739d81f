/* POST /pools/{pool}/new-references: a pop of the ring, or a wait with the keeper. */
#include "http/http_int.h"

#include "pool/metrics.h"
#include "pool/reserve.h"

#define STACK_SLOTS 64

static size_t reference_room(const struct sl_list *l)
{
    return l->json_prefix.len + 10 + 2; /* a 32-bit number, `}` and `,` */
}

static void respond(const struct call *c, const uint64_t *slots, uint32_t n)
{
    static const char head[] = "{\"references\":[", tail[] = "]}";
    const struct sl_table *table = c->t->http->shared->table;
    size_t room = sizeof head + sizeof tail;
    for (uint32_t i = 0; i < n; i++)
        room += reference_room(sl_table_at(table, sl_ring_slot_list(slots[i])));
    char *body = sl_pool_alloc(c, room), *at = body;
    memcpy(at, head, sizeof head - 1);
    at += sizeof head - 1;
    for (uint32_t i = 0; i < n; i++) {
        const struct sl_list *l = sl_table_at(table, sl_ring_slot_list(slots[i]));
        if (i > 0)
            *at++ = ',';
        memcpy(at, l->json_prefix.at, l->json_prefix.len);
        at += l->json_prefix.len;
        at += sl_u64_digits(at, sl_ring_slot_index(slots[i]));
        *at++ = '}';
    }
    memcpy(at, tail, sizeof tail - 1);
    at += sizeof tail - 1;
    h2o_add_header(&c->req->pool, &c->req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL,
                   H2O_STRLIT("no-store"));
    sl_respond_json(c, body, (size_t)(at - body));
}

static void on_reserved(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    struct op *o = arg;
    o->waiting = NULL;
    if (err == SL_OK)
        respond(&o->call, slots, n);
    else
        sl_respond_error(&o->call, err, "No references became ready in time");
}

static void cancel(void *waiting)
{
    sl_reserve_cancel(waiting);
}

static struct sl_pool *find_pool(const struct call *c, const struct sl_identity *who)
{
    struct sl_pool *p = sl_pool_named(c->t->http->shared, c->target.pool);
    return p != NULL && sl_may_use(c, who, p->number) ? p : NULL;
}

/* 0: refused and answered. */
static uint32_t amount(const struct call *c, const struct sl_pool *p)
{
    struct sl_span text;
    uint64_t n = 1;
    char why[SL_WHY];
    uint32_t most = sl_pool_options(p)->capacity;
    enum sl_err err = sl_query_get(c->query, "amount", &text);
    if (err == SL_ERR_NOT_FOUND)
        return 1;
    if (err != SL_OK) {
        sl_respond_error(c, err, "amount must be given once, as a whole number");
        return 0;
    }
    bool digits = text.len > 0;
    for (size_t i = 0; i < text.len; i++)
        digits = digits && text.at[i] >= '0' && text.at[i] <= '9';
    if (!digits) {
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST, "amount must be a whole number in decimal digits");
        return 0;
    }
    if (!sl_parse_u64(text, most, &n) || n == 0) {
        snprintf(why, sizeof why, "amount must be between 1 and %u", most);
        sl_respond_error(c, SL_ERR_AMOUNT_OUT_OF_RANGE, why);
        return 0;
    }
    return (uint32_t)n;
}

void sl_call_reserve(struct call *c)
{
    struct sl_identity who;
    if (!sl_authenticate(c, &who)) {
        sl_respond_error(c, SL_ERR_UNAUTHORIZED, "Send a valid API key in X-Api-Key");
        return;
    }
    struct sl_pool *p = find_pool(c, &who);
    if (p == NULL) {
        sl_respond_error(c, SL_ERR_NO_SUCH_POOL, NULL);
        return;
    }
    uint32_t n = amount(c, p);
    if (n == 0)
        return;
    if (sl_pool_options(p)->retired) {
        sl_respond_error(c, SL_ERR_POOL_RETIRED, NULL);
        return;
    }
    uint64_t few[STACK_SLOTS];
    uint64_t *slots = n <= STACK_SLOTS ? few : (uint64_t *)(void *)sl_pool_alloc(c, n * sizeof *slots);
    if (sl_reserve_now(c->t->pool, p, n, slots)) {
        respond(c, slots, n);
    } else if (c->t->draining) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "The service is ending");
    } else if (!sl_reserve_queues(p, n)) {
        sl_metric_add(c->t->pool->metrics[p->number], SL_PW_UNDERFLOWS, 1);
        sl_respond_error(c, SL_ERR_RATE_LIMIT_REACHED, "Too few references are ready: try again shortly");
    } else {
        struct op *o = sl_call_park(c, sizeof *o);
        o->cancel = cancel;
        o->waiting = sl_reserve_wait(c->t->pool, p, n, on_reserved, o);
    }
}
