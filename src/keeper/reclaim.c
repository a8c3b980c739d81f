#include "keeper/reclaim.h"

#include <stdlib.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

static void start_grace_period(struct sl_keeper *k)
{
    struct sl_reclaim *r = &k->reclaim;
    if (r->turns_out > 0 || (r->next.count == 0 && r->next.histories == NULL))
        return;
    struct sl_replaced spare = r->current; /* its arrays are used again */
    r->current = r->next;
    r->next = spare;
    r->turns_out = k->setup.worker_count;
    sl_assert(r->turns_out > 0);
    for (unsigned i = 0; i < k->setup.worker_count; i++) {
        r->turns[i] = (struct sl_turn_mail){.mail.kind = SL_MAIL_TURN,
                                            .reply_to = k->setup.mail,
                                            .lists = r->current.lists,
                                            .count = r->current.count};
        sl_mailbox_send(k->setup.workers[i], &r->turns[i].mail);
    }
}

void sl_keeper_defer_free(struct sl_keeper *k, uint32_t list, struct sl_token *old)
{
    struct sl_replaced *next = &k->reclaim.next;
    if (next->count == next->cap) {
        next->cap = next->cap ? next->cap * 2 : 64;
        next->tokens = sl_xrealloc(next->tokens, next->cap * sizeof *next->tokens);
        next->lists = sl_xrealloc(next->lists, next->cap * sizeof *next->lists);
    }
    next->tokens[next->count] = old;
    next->lists[next->count++] = list;
    start_grace_period(k);
}

void sl_keeper_defer_history(struct sl_keeper *k, struct sl_history *old)
{
    if (old == NULL)
        return;
    old->older = k->reclaim.next.histories;
    k->reclaim.next.histories = old;
    start_grace_period(k);
}

static void free_replaced(struct sl_replaced *replaced)
{
    for (size_t i = 0; i < replaced->count; i++)
        sl_token_unref(replaced->tokens[i]);
    replaced->count = 0;
    for (struct sl_history *h = replaced->histories, *older; h != NULL; h = older) {
        older = h->older;
        free(h);
    }
    replaced->histories = NULL;
}

void sl_keeper_note_quiescent(struct sl_keeper *k)
{
    struct sl_reclaim *r = &k->reclaim;
    sl_assert(r->turns_out > 0);
    if (--r->turns_out > 0)
        return;
    free_replaced(&r->current);
    start_grace_period(k);
}

bool sl_keeper_turning(const struct sl_keeper *k)
{
    return k->reclaim.turns_out > 0;
}

void sl_keeper_reclaim_init(struct sl_keeper *k)
{
    k->reclaim.turns = sl_xcalloc(k->setup.worker_count + 1, sizeof *k->reclaim.turns);
}

void sl_keeper_reclaim_free(struct sl_keeper *k)
{
    struct sl_reclaim *r = &k->reclaim;
    free_replaced(&r->current);
    free_replaced(&r->next);
    free(r->current.tokens);
    free(r->current.lists);
    free(r->next.tokens);
    free(r->next.lists);
    free(r->turns);
}
