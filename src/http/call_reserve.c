/* POST /pools/{pool}/new-references: references from the ring, or a place in the keeper's queue. Under an
 * Idempotency-Key the answer is bound to the key in Redis before it is given. */
#include "base/number.h"
#include "http/admit.h"
#include "http/edge.h"
#include "http/edge_query.h"
#include "http/idempotency.h"
#include "http/pending.h"
#include "http/respond.h"
#include "http/routes.h"
#include "worker/keyed.h"
#include "worker/reserve.h"

#define STACK_SLOTS 64
#define REFERENCE_ROOM 20 /* of a reference in JSON, besides its URI and index */

static size_t reference_room(const struct sl_list *list)
{
    return list->json_prefix.len + 10 + 2; /* a 32-bit number, `}` and `,` */
}

static void respond_slots(const struct sl_call *c, const uint64_t *slots, uint32_t n)
{
    static const char head[] = "{\"references\":[", tail[] = "]}";
    const struct sl_table *table = c->t->http->shared->table;
    size_t room = sizeof head + sizeof tail;
    for (uint32_t i = 0; i < n; i++)
        room += reference_room(sl_table_at(table, sl_ring_slot_list(slots[i])));
    char *body = sl_call_alloc(c, room), *at = body;
    memcpy(at, head, sizeof head - 1);
    at += sizeof head - 1;
    for (uint32_t i = 0; i < n; i++) {
        const struct sl_list *list = sl_table_at(table, sl_ring_slot_list(slots[i]));
        if (i > 0)
            *at++ = ',';
        memcpy(at, list->json_prefix.at, list->json_prefix.len);
        at += list->json_prefix.len;
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

struct keyed_call {
    struct sl_pending_call pending;
    struct sl_claim *claim;
    struct sl_audit audit;
    uint32_t most;
};

static void refuse_amount(const struct sl_call *c, uint32_t most)
{
    char why[SL_WHY];
    snprintf(why, sizeof why, "amount must be between 1 and %u", most);
    sl_respond_error(c, SL_ERR_AMOUNT_OUT_OF_RANGE, why);
}

/* The same bytes as respond_slots sends, from the answer that is bound to the key. */
static void respond_bound(const struct sl_call *c, struct sl_span answer)
{
    struct sl_buf body;
    struct sl_answer_run run;
    const char *comma = "";
    sl_buf_init(&body, SIZE_MAX);
    sl_buf_puts(&body, "{\"references\":[");
    while (sl_answer_next(&answer, &run)) {
        struct sl_buf reference;
        size_t room = 6 * run.uri.len + REFERENCE_ROOM;
        sl_buf_over(&reference, sl_call_alloc(c, room), room);
        sl_json_reference(&reference, run.uri);
        for (uint32_t i = 0; i < run.count; i++, comma = ",") {
            sl_buf_puts(&body, comma);
            sl_buf_put(&body, reference.data, reference.len);
            sl_buf_u64(&body, sl_answer_index(&run, i));
            sl_buf_putc(&body, '}');
        }
    }
    sl_buf_puts(&body, "]}");
    if (body.failed || answer.len > 0) {
        sl_respond_error(c, SL_ERR_INTERNAL, NULL);
    } else {
        char *copy = sl_call_alloc(c, body.len);
        memcpy(copy, body.data, body.len);
        sl_call_add_header(c, "cache-control", SL_SPAN("no-store"));
        sl_respond_json(c, copy, body.len);
    }
    sl_buf_free(&body);
}

static const char *explain_keyed(const struct sl_call *c, enum sl_err err)
{
    switch (err) {
    case SL_ERR_RATE_LIMIT_REACHED:
        return "Too few references are ready: try again shortly";
    case SL_ERR_UNAVAILABLE:
        return sl_explain_unfit(c, "Nothing was reserved",
                                "the store is not available, or too few references became ready in time");
    case SL_ERR_OUTCOME_UNKNOWN:
        return "References may or may not have been reserved: repeating the request with the same key is "
               "safe";
    case SL_ERR_IDEMPOTENCY_KEY_REUSED:
        return "The Idempotency-Key was used with a different amount: send a new key";
    default:
        return NULL;
    }
}

static void on_keyed(void *arg, enum sl_err err, struct sl_span answer)
{
    struct keyed_call *keyed = arg;
    sl_claim_release(keyed->claim);
    if (err == SL_OK)
        sl_audit_answer(&keyed->pending.call, &keyed->audit, answer);
    sl_pending_arrived(&keyed->pending, err);
    if (err == SL_OK)
        respond_bound(&keyed->pending.call, answer);
    else
        sl_respond_error(&keyed->pending.call, err, explain_keyed(&keyed->pending.call, err));
}

/* More than the pool gives out now; it may have given out more before. */
static void on_recalled(void *arg, enum sl_err err, struct sl_span answer)
{
    struct keyed_call *keyed = arg;
    if (err == SL_OK && answer.len == 0) {
        sl_claim_release(keyed->claim);
        sl_pending_arrived(&keyed->pending, SL_ERR_AMOUNT_OUT_OF_RANGE);
        refuse_amount(&keyed->pending.call, keyed->most);
    } else {
        on_keyed(keyed, err, answer);
    }
}

static void reserve_keyed(const struct sl_call *c, const struct sl_identity *who, struct sl_pool *pool,
                          uint32_t n, const struct sl_record_key *key, struct sl_claim *claim)
{
    struct keyed_call *keyed = sl_pending_new(c, sizeof *keyed);
    keyed->claim = claim;
    keyed->most = sl_pool_options(pool)->capacity;
    keyed->audit = sl_audit_reserve(c, who, pool, n);
    keyed->pending.audit = &keyed->audit;
    keyed->pending.cancel = sl_keyed_cancel;
    if (!c->t->draining && n > keyed->most)
        keyed->pending.wait = sl_keyed_recall(c->t->worker, pool, key, on_recalled, keyed);
    else if (!c->t->draining)
        keyed->pending.wait = sl_keyed_reserve(c->t->worker, pool, key, n, on_keyed, keyed);
    if (keyed->pending.wait == NULL) {
        sl_claim_release(claim);
        sl_respond_error(c, SL_ERR_UNAVAILABLE, explain_keyed(c, SL_ERR_UNAVAILABLE));
    }
}

/* ---- without a key */

/* In the keeper's queue. Nothing is recorded when the client leaves: the references stay with the pool. */
struct queued_call {
    struct sl_pending_call pending;
    struct sl_audit audit;
};

static void give_slots(const struct sl_call *c, struct sl_audit *audit, const uint64_t *slots, uint32_t n)
{
    if (sl_audits(c)) {
        sl_audit_slots(c, audit, slots, n);
        sl_audit_write(c, audit, SL_OK);
    }
    respond_slots(c, slots, n);
}

static void on_reserved(void *arg, enum sl_err err, const uint64_t *slots, uint32_t n)
{
    struct queued_call *queued = arg;
    sl_pending_arrived(&queued->pending, err);
    if (err == SL_OK)
        give_slots(&queued->pending.call, &queued->audit, slots, n);
    else
        sl_respond_error(&queued->pending.call, err,
                         sl_explain_unfit(&queued->pending.call, "Too few references became ready in time",
                                          "try again shortly"));
}

static void reserve_plain(const struct sl_call *c, const struct sl_identity *who, struct sl_pool *pool,
                          uint32_t n)
{
    uint64_t few[STACK_SLOTS];
    uint64_t *slots = n <= STACK_SLOTS ? few : sl_call_alloc(c, n * sizeof *slots);
    struct sl_audit audit = sl_audit_reserve(c, who, pool, n);
    if (sl_reserve_now(c->t->worker, pool, n, slots)) {
        give_slots(c, &audit, slots, n);
    } else if (c->t->draining) {
        sl_respond_error(c, SL_ERR_UNAVAILABLE, "The service is shutting down");
    } else if (!sl_reserve_queues(pool, n)) {
        sl_reserve_count_underflow(c->t->worker, pool);
        sl_respond_error(c, SL_ERR_RATE_LIMIT_REACHED, "Too few references are ready: try again shortly");
    } else {
        struct queued_call *queued = sl_pending_new(c, sizeof *queued);
        queued->audit = audit;
        queued->pending.cancel = sl_reserve_cancel;
        queued->pending.wait = sl_reserve_wait(c->t->worker, pool, n, on_reserved, queued);
    }
}

/* ---- the call */

static struct sl_pool *find_pool(const struct sl_call *c, const struct sl_identity *who)
{
    struct sl_pool *pool = sl_pool_named(c->t->http->shared, c->target.pool);
    return pool != NULL && sl_identity_can_use(who, pool->number) ? pool : NULL;
}

/* 0: refused and answered. With an Idempotency-Key it may be more than the pool gives out. */
static uint32_t read_amount(const struct sl_call *c, const struct sl_pool *pool)
{
    struct sl_span text;
    uint64_t n = 1;
    bool keyed = h2o_find_header_by_str(&c->req->headers, H2O_STRLIT("idempotency-key"), -1) != -1;
    uint32_t capacity = sl_pool_options(pool)->capacity, most = keyed ? UINT32_MAX : capacity;
    enum sl_err err = sl_query_get(c->query, "amount", &text);
    if (err == SL_ERR_NOT_FOUND)
        return 1;
    if (err != SL_OK) {
        sl_respond_error(c, err, "amount must be given once, as a whole number");
        return 0;
    }
    if (text.len == 0 || sl_digits(text).count != text.len) {
        sl_respond_error(c, SL_ERR_MALFORMED_REQUEST, "amount must be a whole number in decimal digits");
        return 0;
    }
    if (!sl_number_parse_strict(text, most, &n) || n == 0) {
        refuse_amount(c, capacity);
        return 0;
    }
    return (uint32_t)n;
}

/* Whether the body says nothing: clients that cannot send none send one of these. */
static bool is_empty_body(struct sl_span body)
{
    char said[5]; /* without white space */
    size_t n = 0;
    for (size_t i = 0; i < body.len; i++) {
        char byte = body.at[i];
        if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n')
            continue;
        if (n == sizeof said)
            return false;
        said[n++] = byte;
    }
    struct sl_span text = sl_span(said, n);
    return n == 0 || sl_span_eq(text, SL_SPAN("{}")) || sl_span_eq(text, SL_SPAN("null"));
}

/* A body with an amount would be ignored, and the caller would wonder about one reference. False: answered.
 */
static bool has_no_body(const struct sl_call *c)
{
    if (is_empty_body(sl_call_entity(c)))
        return true;
    sl_respond_error(c, SL_ERR_MALFORMED_REQUEST,
                     "A reservation has no body: send the amount in the query, as in "
                     "/pools/NAME/new-references?amount=5");
    return false;
}

void sl_call_reserve(struct sl_call *c)
{
    struct sl_identity who;
    struct sl_record_key key;
    struct sl_claim *claim;
    if (!sl_authenticate(c, &who))
        return;
    struct sl_pool *pool = find_pool(c, &who);
    if (pool == NULL) {
        sl_respond_error(c, SL_ERR_NO_SUCH_POOL, NULL);
        return;
    }
    uint32_t n = has_no_body(c) ? read_amount(c, pool) : 0, most = sl_pool_options(pool)->capacity;
    /* More than `most` is only looked for, and would use up the allowance of years. */
    if (n == 0 || !sl_admit(c, &who, pool, SL_LIMIT_RESERVATIONS, n < most ? n : most))
        return;
    const char request[4] = {(char)n, (char)(n >> 8), (char)(n >> 16), (char)(n >> 24)};
    enum sl_keyed_request keyed = sl_claim_key(c, &who, sl_span(request, sizeof request), &key, &claim);
    if (keyed == SL_KEYED_YES)
        reserve_keyed(c, &who, pool, n, &key, claim);
    else if (keyed == SL_KEYED_NONE && sl_admit_new(c, pool))
        reserve_plain(c, &who, pool, n);
}
