/* A request for an id that the table does not have. At start it waits for the first reading of all pools.
 * Later, while the table is not authoritative (sl_shared.authoritative), Redis is asked once per id, however
 * many requests wait for it. */
#include "keeper/lookup.h"

#include <stdlib.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

#define LOOKUP_CALLS_PER_S 1000 /* of scripts; an id costs one a pool */

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
        if (err != SL_OK)
            answer_lookup(mail, err, NULL);
        else
            sl_keeper_lookup(k, mail); /* the table has it now, or Redis is asked where a pool is not open */
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

static void on_described(void *arg, enum sl_err err, const struct sl_described *found)
{
    struct lookup_question *question = arg;
    struct sl_keeper *k = question->pool->keeper;
    struct sl_lookup_mail *mail = question->mail;
    bool refused = sl_keeper_refusal(question->pool)[0] != '\0'; /* its lists are not served here */
    if (err == SL_OK && found->list != NULL && !refused) {
        struct sl_klist *t = sl_keeper_learn(question->pool, found->list);
        mail->list = t != NULL ? &t->list : NULL;
    } else if (err == SL_OK && found->damaged != NULL && !refused) {
        sl_keeper_note_damaged(question->pool, found->damaged);
    }
    if (err != SL_OK || found->damaged != NULL || (found->list != NULL && mail->list == NULL))
        mail->err = SL_ERR_UNAVAILABLE; /* it may be there, but cannot be served */
    if (--mail->asked == 0)
        all_answered(k, mail);
    sl_keeper_pump(k);
    free(question);
}

/* The one that was asked for, whatever became of the others meanwhile. */
struct second_look {
    struct sl_kpool *pool;
    struct sl_uuid id;
};

static void on_looked_again(void *arg, enum sl_err err, const struct sl_described *found)
{
    struct second_look *look = arg;
    struct sl_kpool *p = look->pool;
    sl_keeper_ask_damaged(p, false);
    if (err == SL_OK && found->damaged == NULL) {
        sl_keeper_note_whole(p, &look->id);
        if (found->list != NULL)
            sl_keeper_learn(p, found->list);
        sl_keeper_pump(p->keeper);
    }
    free(look);
}

void sl_keeper_look_again(struct sl_kpool *p)
{
    const struct sl_uuid *id = sl_keeper_is_readable(p) ? sl_keeper_next_damaged(p) : NULL;
    if (id == NULL)
        return;
    struct second_look *look = sl_xcalloc(1, sizeof *look);
    *look = (struct second_look){p, *id};
    bool asking = sl_store_describe(p->keeper->store, p->shared->name, id, on_looked_again, look) == SL_OK;
    sl_keeper_ask_damaged(p, asking);
    if (!asking)
        free(look);
}

/* However many pools there are: anybody can ask for ids that nobody has. */
static bool within_budget(struct sl_keeper *k)
{
    unsigned most = LOOKUP_CALLS_PER_S / k->shared->pool_count;
    most = most < SL_LOOKUPS_PER_S ? most : SL_LOOKUPS_PER_S;
    uint64_t second = sl_mono_ns(k->clock) / SL_NS_PER_S;
    if (second != k->lookups.second) {
        k->lookups.second = second;
        k->lookups.started = 0;
    }
    return k->lookups.started++ < (most > 0 ? most : 1);
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
    if (atomic_load_explicit(&k->shared->authoritative, memory_order_relaxed)) {
        bool damaged = sl_keeper_is_damaged(k, &mail->id); /* that is why the worker asks */
        answer_lookup(mail, damaged || k->draining ? SL_ERR_UNAVAILABLE : SL_ERR_NO_SUCH_LIST, NULL);
        return;
    }
    if (!k->draining && join_same(k, mail))
        return;
    if (!k->draining && sl_store_state(k->store) == SL_STORE_UP && within_budget(k))
        ask_pools(k, mail);
    else
        answer_lookup(mail, SL_ERR_UNAVAILABLE, NULL);
}
