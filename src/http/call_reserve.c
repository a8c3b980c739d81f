/* POST /pools/{pool}/new-references: a pop of the ring, or a wait with the keeper. */
#include "http/audit.h"

#include "pool/keyed.h"
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

/* ---- with an Idempotency-Key */

struct keyed_op {
    struct op op;
    struct claim *claim;
    struct audit audit;
};

/* The same bytes as respond() makes, from what is bound to the key. */
static void respond_bound(const struct call *c, struct sl_span answer)
{
    struct sl_buf body;
    struct sl_answer_run run;
    const char *comma = "";
    sl_buf_init(&body, SIZE_MAX);
    sl_buf_puts(&body, "{\"references\":[");
    while (sl_answer_next(&answer, &run)) {
        struct sl_buf uri;
        sl_buf_over(&uri, sl_pool_alloc(c, 6 * run.uri.len + 2), 6 * run.uri.len + 2);
        sl_buf_json(&uri, run.uri);
        for (uint32_t i = 0; i < run.count; i++, comma = ",") {
            sl_buf_puts(&body, comma);
            sl_buf_puts(&body, "{\"uri\":");
            sl_buf_put(&body, uri.data, uri.len);
            sl_buf_puts(&body, ",\"index\":");
            sl_buf_u64(&body, sl_answer_index(&run, i));
            sl_buf_putc(&body, '}');
        }
    }
    sl_buf_puts(&body, "]}");
    if (body.failed || answer.len > 0) {
        sl_respond_error(c, SL_ERR_INTERNAL, NULL);
    } else {
        char *copy = sl_pool_alloc(c, body.len);
        memcpy(copy, body.data, body.len);
        sl_add_header(c, "cache-control", SL_SPAN("no-store"));
        sl_respond_json(c, copy, body.len);
    }
    sl_buf_free(&body);
}

static const char *explain_keyed(enum sl_err err)
{
    switch (err) {
    case SL_ERR_RATE_LIMIT_REACHED:
        return "Too few references are ready: try again shortly";
    case SL_ERR_UNAVAILABLE:
        return "Nothing was reserved: the store is not available, or no references became ready in time";
    case SL_ERR_OUTCOME_UNKNOWN:
        return "References may or may not have been reserved: asking again with the same key is safe";
    case SL_ERR_IDEMPOTENCY_KEY_REUSED:
        return "The Idempotency-Key belongs to a request for another amount";
    default:
        return NULL;
    }
}

static void on_keyed(void *arg, enum sl_err err, struct sl_span answer)
{
    struct keyed_op *o = arg;
    o->op.waiting = NULL;
    sl_claim_release(o->claim);
    if (err == SL_OK)
        sl_audit_answer(&o->op.call, &o->audit, answer);
    sl_audit_write(&o->op.call, &o->audit, err);
    if (err == SL_OK)
        respond_bound(&o->op.call, answer);
    else
        sl_respond_error(&o->op.call, err, explain_keyed(err));
}

static void cancel_keyed(void *waiting)
{
    sl_keyed_cancel(waiting);
}

static void keyed_gone(struct op *op)
{
    sl_audit_gone(op, &((struct keyed_op *)op)->audit);
}

static void reserve_keyed(const struct call *c, const struct sl_identity *who, struct sl_pool *p, uint32_t n,
                          const struct sl_record_key *key, struct claim *claim)
{
    struct keyed_op *o = (struct keyed_op *)sl_call_park(c, sizeof *o);
    o->claim = claim;
    o->audit = sl_audit_reserve(c, who, p, n);
    o->op.cancel = cancel_keyed;
    o->op.gone = keyed_gone;
    o->op.waiting = c->t->draining ? NULL : sl_keyed_reserve(c->t->pool, p, key, n, on_keyed, o);
    if (o->op.waiting == NULL) {
        sl_claim_release(claim);
        sl_respond_error(c, SL_ERR_UNAVAILABLE, explain_keyed(SL_ERR_UNAVAILABLE));
    }
}

/* False: the request has no key. */
static bool has_key(const struct call *c, const struct sl_identity *who, struct sl_pool *p, uint32_t n)
{
    struct sl_record_key key;
    struct claim *claim;
    char request[4] = {(char)n, (char)(n >> 8), (char)(n >> 16), (char)(n >> 24)};
    enum sl_keyed_request k = sl_claim_key(c, who, sl_span(request, sizeof request), &key, &claim);
    if (k == SL_KEYED_YES)
        reserve_keyed(c, who, p, n, &key, claim);
    return k != SL_KEYED_NONE;
}

/* ---- without */

struct waiting_op {
    struct op op;
    struct audit audit;
};

static void give(const struct call *c, struct audit *a, const uint64_t *slots, uint32_t n)
{
    if (sl_audits(c)) {
        sl_audit_slots(c, a, slots, n);
        sl_audit_write(c, a, SL_OK);
    }
    respond(c, slots, n);
}

static void on_reserved(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    struct waiting_op *o = arg;
    o->op.waiting = NULL;
    if (err == SL_OK)
        give(&o->op.call, &o->audit, slots, n);
    else
        sl_respond_error(&o->op.call, err, "No references became ready in time");
}

static void cancel(void *waiting)
{
    sl_reserve_cancel(waiting);
}

static struct sl_pool *find_pool(const struct call *c, const struct sl_identity *who)
{
    struct sl_pool *p = sl_pool_named(c->t->http->shared, c->target.pool);
    return p != NULL && sl_may_use(who, p->number) ? p : NULL;
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
    if (!sl_authenticate(c, &who))
        return;
    struct sl_pool *p = find_pool(c, &who);
    if (p == NULL) {
        sl_respond_error(c, SL_ERR_NO_SUCH_POOL, NULL);
        return;
    }
    uint32_t n = amount(c, p);
    if (n == 0 || !sl_audit_may(c) || !sl_may_reserve(c, &who, p, n) || has_key(c, &who, p, n))
        return;
    if (sl_pool_options(p)->retired) {
        sl_respond_error(c, SL_ERR_POOL_RETIRED, NULL);
        return;
    }
    uint64_t few[STACK_SLOTS];
    uint64_t *slots = n <= STACK_SLOTS ? few : (uint64_t *)(void *)sl_pool_alloc(c, n * sizeof *slots);
    struct audit audit = sl_audit_reserve(c, &who, p, n);
    if (sl_reserve_now(c->t->pool, p, n, slots)) {
        give(c, &audit, slots, n);
    } else if (c->t->draining) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "The service is ending");
    } else if (!sl_reserve_queues(p, n)) {
        sl_metric_add(c->t->pool->metrics[p->number], SL_PW_UNDERFLOWS, 1);
        sl_respond_error(c, SL_ERR_RATE_LIMIT_REACHED, "Too few references are ready: try again shortly");
    } else {
        struct waiting_op *o = (struct waiting_op *)sl_call_park(c, sizeof *o);
        o->audit = audit;
        o->op.cancel = cancel;
        o->op.waiting = sl_reserve_wait(c->t->pool, p, n, on_reserved, o);
    }
}
