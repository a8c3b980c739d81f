/* Ids that the table does not have. Before the pools were read for the first time such a request waits for
 * that; later, while the table is not authoritative, Redis is asked once per id, however many wait for it. */
#include <stdlib.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

struct question {
    struct sl_lookup_mail *mail;
    struct sl_kpool *pool;
};

static void answer(struct sl_lookup_mail *m, enum sl_err err, struct sl_list *l)
{
    while (m != NULL) {
        struct sl_lookup_mail *same = m->same;
        m->err = err;
        m->list = l;
        sl_mailbox_send(m->reply_to, &m->mail);
        m = same;
    }
}

/* `err` OK: the table is complete now. */
void sl_keeper_answer_early(struct sl_keeper *k, enum sl_err err)
{
    while (k->early != NULL) {
        struct sl_lookup_mail *m = k->early;
        k->early = m->next;
        struct sl_list *l = err == SL_OK ? sl_table_find(k->shared->table, &m->id) : NULL;
        answer(m, err != SL_OK ? err : l != NULL ? SL_OK : SL_ERR_NO_SUCH_LIST, l);
    }
}

static void asked_all(struct sl_keeper *k, struct sl_lookup_mail *m)
{
    struct sl_lookup_mail **link = &k->looking;
    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
    answer(m, m->list != NULL ? SL_OK : m->err != SL_OK ? m->err : SL_ERR_NO_SUCH_LIST, m->list);
}

static void on_described(void *arg, enum sl_err err, const struct sl_list_record *r)
{
    struct question *q = arg;
    struct sl_keeper *k = q->pool->keeper;
    struct sl_lookup_mail *m = q->mail;
    if (err == SL_OK && r != NULL) {
        struct sl_klist *t = sl_keeper_learn(q->pool, r);
        m->list = t != NULL ? &t->list : NULL;
    } else if (err != SL_OK) {
        m->err = SL_ERR_UNAVAILABLE;
    }
    if (--m->asked == 0)
        asked_all(k, m);
    sl_keeper_pump(k);
    free(q);
}

static bool within_budget(struct sl_keeper *k)
{
    uint64_t second = sl_mono_ns(k->clock) / SL_NS_PER_S;
    if (second != k->lookup_second) {
        k->lookup_second = second;
        k->lookups = 0;
    }
    return k->lookups++ < SL_LOOKUPS_PER_S;
}

/* Whether somebody asked for the same id already: then one answer serves both. */
static bool joined(struct sl_keeper *k, struct sl_lookup_mail *m)
{
    for (struct sl_lookup_mail *x = k->looking; x != NULL; x = x->next) {
        if (memcmp(&x->id, &m->id, sizeof m->id) == 0) {
            m->same = x->same;
            x->same = m;
            return true;
        }
    }
    return false;
}

static void ask(struct sl_keeper *k, struct sl_lookup_mail *m)
{
    m->next = k->looking;
    k->looking = m;
    m->asked = 1; /* held until every pool was asked */
    for (unsigned i = 0; i < k->shared->pool_count; i++) {
        struct question *q = sl_xcalloc(1, sizeof *q);
        *q = (struct question){m, &k->pools[i]};
        if (sl_store_describe(k->store, k->pools[i].shared->name, &m->id, on_described, q) == SL_OK) {
            m->asked++;
        } else {
            m->err = SL_ERR_UNAVAILABLE;
            free(q);
        }
    }
    if (--m->asked == 0)
        asked_all(k, m);
}

void sl_keeper_lookup(struct sl_keeper *k, struct sl_lookup_mail *m)
{
    m->err = SL_OK;
    m->same = m->next = NULL;
    m->list = sl_table_find(k->shared->table, &m->id);
    if (m->list != NULL) {
        answer(m, SL_OK, m->list);
        return;
    }
    if (!k->started && !k->store_failed && !k->draining) {
        m->next = k->early; /* nothing has failed yet: the pools are being read */
        k->early = m;
        return;
    }
    if (!k->draining && joined(k, m))
        return;
    if (!k->draining && sl_store_state(k->store) == SL_STORE_UP && within_budget(k))
        ask(k, m);
    else
        answer(m, SL_ERR_UNAVAILABLE, NULL);
}
