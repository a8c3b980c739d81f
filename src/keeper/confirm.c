/* A worker that has a new connection to Redis changes nothing there before the keeper has looked whether
 * Redis went back, and has mended what it knows better: an update on a list that is behind would be lost with
 * what is raised over it. */
#include "keeper/keeper_int.h"

static bool all_synced(const struct sl_keeper *k)
{
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        if (k->pools[i].state != POOL_SYNCED)
            return false;
    return true;
}

static void answer(struct sl_confirm_mail **chain)
{
    while (*chain != NULL) {
        struct sl_confirm_mail *m = *chain;
        *chain = m->next;
        sl_mailbox_send(m->reply_to, &m->mail);
    }
}

/* The pools are opened from now on, so their replies speak of a Redis that all of these are connected to. */
void sl_keeper_confirm_opening(struct sl_keeper *k)
{
    while (k->confirm_next != NULL) {
        struct sl_confirm_mail *m = k->confirm_next;
        k->confirm_next = m->next;
        m->next = k->confirm_asked;
        k->confirm_asked = m;
    }
}

void sl_keeper_confirm(struct sl_keeper *k)
{
    if (k->draining) { /* whoever comes now is about to end */
        answer(&k->confirm_asked);
        answer(&k->confirm_next);
    }
    if (!all_synced(k))
        return;
    answer(&k->confirm_asked);
    if (k->confirm_next == NULL)
        return;
    sl_keeper_confirm_opening(k);
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        sl_keeper_open(&k->pools[i]);
}

void sl_keeper_confirm_asked(struct sl_keeper *k, struct sl_confirm_mail *m)
{
    m->next = k->confirm_next;
    k->confirm_next = m;
    sl_keeper_confirm(k);
}
