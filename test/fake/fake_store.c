/* store/store.h without Redis: operations are executed when they are sent, replies come later on the loop. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fake_store.h"

static const struct sl_metric_def no_metrics[] = {
    {.name = "fake_store", .type = SL_COUNTER, .help = "Nothing."}};
const struct sl_metric_table sl_store_metric_table = {no_metrics, 1};

static bool writes(enum sl_store_op kind)
{
    static const bool table[] = {
#define X(id, name, callback, flags) ((flags)&SL_OP_WRITES) != 0,
        SL_STORE_OPS(X)
#undef X
    };
    return table[kind];
}

static bool durable(enum sl_store_op kind)
{
    static const bool table[] = {
#define X(id, name, callback, flags) ((flags)&SL_OP_DURABLE) != 0,
        SL_STORE_OPS(X)
#undef X
    };
    return table[kind];
}

/* ---- replies ---- */

static void op_free(struct op *op)
{
    for (uint32_t i = 0; i < op->block_count; i++)
        free((void *)op->blocks[i].returned);
    free(op->blocks);
    free(op->records);
    free(op->bytes);
    free(op->more);
    free(op->at);
    free(op);
}

static void finish(struct sl_store *s, struct op *op)
{
    s->inflight--;
    if (op->kind == SL_OP_UPDATE || op->kind == SL_OP_BATCH) {
        uint64_t took = sl_mono_ns(s->f->clock) - op->sent_ns;
        s->rtt_ns = s->rtt_ns == 0 ? took : s->rtt_ns - s->rtt_ns / 8 + took / 8;
    }
    op->give(op);
    op_free(op);
    if (s->state == SL_STORE_DRAINING && s->inflight == 0) {
        s->state = SL_STORE_CLOSED;
        s->setup.on_state(s->setup.arg, SL_STORE_CLOSED);
    }
}

static void arm(struct sl_store *s)
{
    uint32_t held = atomic_load(&s->f->held);
    uint64_t due = UINT64_MAX, now = sl_mono_ns(s->f->clock);
    for (const struct op *op = s->first; op != NULL; op = op->next)
        if (!(held & 1u << op->kind) && op->due_ns < due)
            due = op->due_ns;
    if (due != UINT64_MAX)
        sl_timer_start(s->setup.loop, &s->timer, due > now ? due - now : 0);
}

static struct op *take_due(struct sl_store *s, bool all)
{
    uint32_t held = atomic_load(&s->f->held);
    uint64_t now = sl_mono_ns(s->f->clock);
    for (struct op **link = &s->first; *link != NULL; link = &(*link)->next) {
        struct op *op = *link;
        if (!all && (held & 1u << op->kind || op->due_ns > now))
            continue;
        *link = op->next;
        if (s->last == &op->next)
            s->last = link;
        return op;
    }
    return NULL;
}

static void on_due(void *arg)
{
    struct sl_store *s = arg;
    for (struct op *op; (op = take_due(s, false)) != NULL;)
        finish(s, op);
    arm(s);
}

static void lose_all(struct sl_store *s)
{
    for (struct op *op; (op = take_due(s, true)) != NULL;) {
        op->err = writes(op->kind) ? SL_ERR_OUTCOME_UNKNOWN : SL_ERR_UNAVAILABLE;
        finish(s, op);
    }
    sl_timer_stop(s->setup.loop, &s->timer);
    sl_timer_stop(s->setup.loop, &s->asked);
}

static void look(struct sl_store *s)
{
    bool up = atomic_load(&s->f->up);
    if (up && s->state == SL_STORE_DOWN) {
        fake_server(s->f, &s->server);
        s->state = SL_STORE_UP;
        s->setup.on_state(s->setup.arg, SL_STORE_UP);
    } else if (!up && s->state == SL_STORE_UP) {
        s->state = SL_STORE_DOWN;
        s->setup.on_state(s->setup.arg, SL_STORE_DOWN);
        lose_all(s);
    }
    arm(s);
}

static void on_poke(void *arg, struct sl_mail *m)
{
    free(m);
    look(arg);
}

/* ---- who the server is ---- */

static void on_asked(void *arg)
{
    struct sl_store *s = arg;
    if (s->state != SL_STORE_UP)
        return;
    fake_server(s->f, &s->server);
    s->on_server(s->server_arg);
}

/* ---- connections ---- */

struct sl_store *sl_store_new(const struct sl_store_setup *setup)
{
    struct sl_store *s = sl_xcalloc(1, sizeof *s);
    s->f = (struct fake_redis *)setup->options;
    s->setup = *setup;
    s->last = &s->first;
    sl_timer_init(&s->timer, on_due, s);
    sl_timer_init(&s->asked, on_asked, s);
    sl_mailbox_init(&s->box, on_poke, s);
    sl_mailbox_attach(&s->box, setup->loop);
    struct sl_mail *m = sl_xcalloc(1, sizeof *m);
    m->kind = FAKE_POKE;
    sl_mailbox_send(&s->box, m);
    s->end.box = &s->box;
    pthread_mutex_lock(&s->f->lock);
    s->end.next = s->f->ends;
    s->f->ends = &s->end;
    pthread_mutex_unlock(&s->f->lock);
    return s;
}

void sl_store_free(struct sl_store *s)
{
    if (s == NULL)
        return;
    s->state = SL_STORE_CLOSED;
    pthread_mutex_lock(&s->f->lock);
    struct fake_end **link = &s->f->ends;
    while (*link != &s->end)
        link = &(*link)->next;
    *link = s->end.next;
    pthread_mutex_unlock(&s->f->lock);
    lose_all(s);
    sl_timer_stop(s->setup.loop, &s->asked);
    sl_mailbox_detach(&s->box);
    for (struct sl_mail *m = sl_mailbox_take(&s->box), *next; m != NULL; m = next) {
        next = m->next;
        free(m);
    }
    sl_mailbox_close(&s->box);
    free(s);
}

void sl_store_drain(struct sl_store *s, uint64_t deadline_ns)
{
    (void)deadline_ns; /* the test releases held replies */
    s->state = s->inflight > 0 ? SL_STORE_DRAINING : SL_STORE_CLOSED;
    if (s->state == SL_STORE_CLOSED)
        s->setup.on_state(s->setup.arg, SL_STORE_CLOSED);
}

enum sl_store_state sl_store_state(const struct sl_store *s)
{
    return s->state;
}

const char *sl_store_reason(const struct sl_store *s)
{
    return s->state == SL_STORE_UP ? "" : "the test has taken it down";
}

bool sl_store_hopeless(const struct sl_store *s)
{
    return atomic_load(&s->f->hopeless);
}

const char *sl_store_unfit(const struct sl_store *s)
{
    return atomic_load(&s->f->unfit);
}

const struct sl_store_server *sl_store_server(const struct sl_store *s)
{
    return &s->server;
}

void sl_store_ask_server(struct sl_store *s, sl_server_cb *done, void *arg)
{
    s->on_server = done;
    s->server_arg = arg;
    sl_timer_start(s->setup.loop, &s->asked, atomic_load(&s->f->delay_ns));
}

void sl_store_redial(struct sl_store *s, const char *why)
{
    (void)why;
    s->state = SL_STORE_DOWN;
    s->setup.on_state(s->setup.arg, SL_STORE_DOWN);
    lose_all(s);
    struct sl_mail *m = sl_xcalloc(1, sizeof *m);
    m->kind = FAKE_POKE;
    sl_mailbox_send(&s->box, m);
}

unsigned sl_store_inflight(const struct sl_store *s)
{
    return s->inflight;
}

uint64_t sl_store_rtt_ns(const struct sl_store *s)
{
    return s->rtt_ns;
}

void sl_store_mail(struct sl_mail *mail)
{
    (void)mail;
    sl_assert(!"the fake sends no such mail");
}

/* ---- sending ---- */

struct op *fake_op_new(struct sl_store *s, enum sl_store_op kind, void *arg, fake_give *give,
                       bool *ret_execute)
{
    struct fake_redis *f = s->f;
    pthread_mutex_lock(&f->lock);
    bool chosen = f->refuse_count > 0 && (f->refuse_kind == FAKE_ANY || f->refuse_kind == kind);
    bool unfit = durable(kind) && sl_store_unfit(s) != NULL;
    if (s->state != SL_STORE_UP || s->inflight >= SL_STORE_INFLIGHT || chosen || unfit) {
        f->refuse_count -= chosen;
        pthread_mutex_unlock(&f->lock);
        return NULL;
    }
    struct op *op = sl_xcalloc(1, sizeof *op);
    op->kind = kind;
    op->arg = arg;
    op->give = give;
    op->sent_ns = sl_mono_ns(f->clock);
    op->due_ns = op->sent_ns + atomic_load(&f->delay_ns);
    atomic_fetch_add(&f->counts[kind], 1);
    *ret_execute = atomic_load(&f->up);
    if (f->fail_count > 0 && (f->fail_kind == FAKE_ANY || f->fail_kind == kind)) {
        f->fail_count--;
        op->err = f->fail_err == SL_ERR_OUTCOME_UNKNOWN && !writes(kind) ? SL_ERR_UNAVAILABLE : f->fail_err;
        *ret_execute = *ret_execute && op->err == SL_ERR_OUTCOME_UNKNOWN && fake_draw(f, 2);
    } else if (!*ret_execute) {
        op->err = writes(kind) ? SL_ERR_OUTCOME_UNKNOWN : SL_ERR_UNAVAILABLE;
    }
    return op;
}

enum sl_err fake_op_sent(struct sl_store *s, struct op *op)
{
    pthread_mutex_unlock(&s->f->lock);
    *s->last = op;
    s->last = &op->next;
    s->inflight++;
    arm(s);
    return SL_OK;
}
