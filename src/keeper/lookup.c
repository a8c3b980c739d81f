/* A request for an id that the table does not have. At start it waits for the first reading of all pools.
 * Later, while the table is not authoritative (sl_shared.authoritative), Redis is asked once per id, however
 * many requests wait for it. */
#include "keeper/lookup.h"

#include <stdlib.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

/* One per pool. */
struct lookup_question {
    struct sl_lookup_mail *mail;
    struct sl_kpool *pool;
};

static void answer_lookup(struct sl_lookup_mail *m, enum sl_err err, struct sl_list *l)
{
    while (m != NULL) {
        struct sl_lookup_mail *same = m->same;
        m->err = err;
        m->list = l;
        sl_mailbox_send(m->reply_to, &m->mail);
        m = same;
    }
}

void sl_keeper_answer_early(struct sl_keeper *k, enum sl_err err)
{
    while (k->lookups.early != NULL) {
        struct sl_lookup_mail *m = k->lookups.early;
        k->lookups.early = m->next;
        struct sl_list *l = err == SL_OK ? sl_table_find(k->shared->table, &m->id) : NULL;
        answer_lookup(m, err != SL_OK ? err : l != NULL ? SL_OK : SL_ERR_NO_SUCH_LIST, l);
    }
}

static void all_answered(struct sl_keeper *k, struct sl_lookup_mail *m)
{
    struct sl_lookup_mail **link = &k->lookups.asked;
    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
    answer_lookup(m, m->list != NULL ? SL_OK : m->err != SL_OK ? m->err : SL_ERR_NO_SUCH_LIST, m->list);
}

static void on_described(void *arg, enum sl_err err, const struct sl_list_record *r)
{
    struct lookup_question *q = arg;
    struct sl_keeper *k = q->pool->keeper;
    struct sl_lookup_mail *m = q->mail;
    if (err == SL_OK && r != NULL) {
        struct sl_klist *t = sl_keeper_learn(q->pool, r);
        m->list = t != NULL ? &t->list : NULL;
    } else if (err != SL_OK) {
        m->err = SL_ERR_UNAVAILABLE;
    }
    if (--m->asked == 0)
        all_answered(k, m);
    sl_keeper_pump(k);
    free(q);
}

static bool within_budget(struct sl_keeper *k)
{
    uint64_t second = sl_mono_ns(k->clock) / SL_NS_PER_S;
    if (second != k->lookups.second) {
        k->lookups.second = second;
        k->lookups.started = 0;
    }
    return k->lookups.started++ < SL_LOOKUPS_PER_S;
}

/* Whether Redis is being asked for the same id already: then one answer serves both. */
static bool join_same(struct sl_keeper *k, struct sl_lookup_mail *m)
{
    for (struct sl_lookup_mail *x = k->lookups.asked; x != NULL; x = x->next) {
        if (memcmp(&x->id, &m->id, sizeof m->id) == 0) {
            m->same = x->same;
            x->same = m;
            return true;
        }
    }
    return false;
}

static void ask_pools(struct sl_keeper *k, struct sl_lookup_mail *m)
{
    m->next = k->lookups.asked;
    k->lookups.asked = m;
    m->asked = 1; /* held until every pool was asked */
    SL_EACH_KPOOL (p, k) {
        struct lookup_question *q = sl_xcalloc(1, sizeof *q);
        *q = (struct lookup_question){m, p};
        if (sl_store_describe(k->store, p->shared->name, &m->id, on_described, q) == SL_OK) {
            m->asked++;
        } else {
            m->err = SL_ERR_UNAVAILABLE;
            free(q);
        }
    }
    if (--m->asked == 0)
        all_answered(k, m);
}

void sl_keeper_lookup(struct sl_keeper *k, struct sl_lookup_mail *m)
{
    m->err = SL_OK;
    m->same = m->next = NULL;
    m->list = sl_table_find(k->shared->table, &m->id);
    if (m->list != NULL) {
        answer_lookup(m, SL_OK, m->list);
        return;
    }
    if (!k->started && !k->store_failed && !k->draining) {
        m->next = k->lookups.early; /* nothing has failed yet: the pools are being read */
        k->lookups.early = m;
        return;
    }
    if (!k->draining && join_same(k, m))
        return;
    if (!k->draining && sl_store_state(k->store) == SL_STORE_UP && within_budget(k))
        ask_pools(k, m);
    else
        answer_lookup(m, SL_ERR_UNAVAILABLE, NULL);
}
