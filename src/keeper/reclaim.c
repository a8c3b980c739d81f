/* Old tokens are let go of when no worker can still be using the bare pointer: each answers one turn message,
 * and between two turns of its loop it holds nothing but shares of its own. At most one turn is under way. */
#include <stdlib.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

static void start_turn(struct sl_keeper *k)
{
    if (k->turns_out > 0 || k->retiring.count == 0)
        return;
    struct retired spare = k->on_turn; /* its arrays are used again */
    k->on_turn = k->retiring;
    k->retiring = spare;
    k->retiring.count = 0;
    k->turns_out = k->setup.worker_count;
    sl_assert(k->turns_out > 0);
    for (unsigned i = 0; i < k->setup.worker_count; i++) {
        k->turns[i] = (struct sl_turn_mail){.mail.kind = SL_MAIL_TURN,
                                            .reply_to = k->setup.mail,
                                            .lists = k->on_turn.lists,
                                            .count = k->on_turn.count};
        sl_mailbox_send(k->setup.workers[i], &k->turns[i].mail);
    }
}

void sl_keeper_retire(struct sl_keeper *k, struct sl_klist *t, struct sl_token *old)
{
    struct retired *r = &k->retiring;
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->tokens = sl_xrealloc(r->tokens, r->cap * sizeof *r->tokens);
        r->lists = sl_xrealloc(r->lists, r->cap * sizeof *r->lists);
    }
    r->tokens[r->count] = old;
    r->lists[r->count++] = t->list.number;
    start_turn(k);
}

static void let_go(struct retired *r)
{
    for (size_t i = 0; i < r->count; i++)
        sl_token_unref(r->tokens[i]);
    r->count = 0;
}

void sl_keeper_turned(struct sl_keeper *k)
{
    sl_assert(k->turns_out > 0);
    if (--k->turns_out > 0)
        return;
    let_go(&k->on_turn);
    start_turn(k);
}

bool sl_keeper_turning(const struct sl_keeper *k)
{
    return k->turns_out > 0;
}

void sl_keeper_retire_free(struct sl_keeper *k)
{
    let_go(&k->on_turn);
    let_go(&k->retiring);
    free(k->on_turn.tokens);
    free(k->on_turn.lists);
    free(k->retiring.tokens);
    free(k->retiring.lists);
    free(k->turns);
}
