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

static void answer_lookup(struct sl_lookup_mail *mail, enum sl_err err, struct sl_list *list)
{
    while (mail != NULL) {
        struct sl_lookup_mail *same = mail->same;
        mail->err = err;
        mail->list = list;
        sl_mailbox_send(mail->reply_to, &mail->mail);
        mail = same;
    }
}

void sl_keeper_answer_early(struct sl_keeper *k, enum sl_err err)
{
    while (k->lookups.early != NULL) {
        struct sl_lookup_mail *mail = k->lookups.early;
        k->lookups.early = mail->next;
        struct sl_list *list = err == SL_OK ? sl_table_find(k->shared->table, &mail->id) : NULL;
        answer_lookup(mail, err != SL_OK ? err : list != NULL ? SL_OK : SL_ERR_NO_SUCH_LIST, list);
    }
}

static void all_answered(struct sl_keeper *k, struct sl_lookup_mail *mail)
{
    struct sl_lookup_mail **link = &k->lookups.asked;
    while (*link != mail)
        link = &(*link)->next;
    *link = mail->next;
    answer_lookup(mail,
                  mail->list != NULL   ? SL_OK
                  : mail->err != SL_OK ? mail->err
                                       : SL_ERR_NO_SUCH_LIST,
                  mail->list);
}

static void on_described(void *arg, enum sl_err err, const struct sl_list_record *record)
{
    struct lookup_question *question = arg;
    struct sl_keeper *k = question->pool->keeper;
    struct sl_lookup_mail *mail = question->mail;
    if (err == SL_OK && record != NULL) {
        struct sl_klist *t = sl_keeper_learn(question->pool, record);
        mail->list = t != NULL ? &t->list : NULL;
    } else if (err != SL_OK) {
        mail->err = SL_ERR_UNAVAILABLE;
    }
    if (--mail->asked == 0)
        all_answered(k, mail);
    sl_keeper_pump(k);
    free(question);
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
static bool join_same(struct sl_keeper *k, struct sl_lookup_mail *mail)
{
    for (struct sl_lookup_mail *other = k->lookups.asked; other != NULL; other = other->next) {
        if (memcmp(&other->id, &mail->id, sizeof mail->id) == 0) {
            mail->same = other->same;
            other->same = mail;
            return true;
        }
    }
    return false;
}

static void ask_pools(struct sl_keeper *k, struct sl_lookup_mail *mail)
{
    mail->next = k->lookups.asked;
    k->lookups.asked = mail;
    mail->asked = 1; /* held until every pool was asked */
    SL_EACH_KPOOL (p, k) {
        struct lookup_question *question = sl_xcalloc(1, sizeof *question);
        *question = (struct lookup_question){mail, p};
        if (sl_store_describe(k->store, p->shared->name, &mail->id, on_described, question) == SL_OK) {
            mail->asked++;
        } else {
            mail->err = SL_ERR_UNAVAILABLE;
            free(question);
        }
    }
    if (--mail->asked == 0)
        all_answered(k, mail);
}

void sl_keeper_lookup(struct sl_keeper *k, struct sl_lookup_mail *mail)
{
    mail->err = SL_OK;
    mail->same = mail->next = NULL;
    mail->list = sl_table_find(k->shared->table, &mail->id);
    if (mail->list != NULL) {
        answer_lookup(mail, SL_OK, mail->list);
        return;
    }
    if (!k->started && !k->store_failed && !k->draining) {
        mail->next = k->lookups.early; /* nothing has failed yet: the pools are being read */
        k->lookups.early = mail;
        return;
    }
    if (!k->draining && join_same(k, mail))
        return;
    if (!k->draining && sl_store_state(k->store) == SL_STORE_UP && within_budget(k))
        ask_pools(k, mail);
    else
        answer_lookup(mail, SL_ERR_UNAVAILABLE, NULL);
}
