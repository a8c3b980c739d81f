#include "keeper/slot.h"

#include "keeper/keeper_int.h"

/* Until now the token was given out. */
static void note_kept(struct sl_klist *t, const struct sl_token *old)
{
    int64_t now_ms = sl_wall_ms(t->pool->keeper->clock), ttl_ms = (int64_t)old->ttl * 1000;
    int64_t end_ms = old->exp * 1000, kept = now_ms + ttl_ms, cached = kept + ttl_ms;
    sl_slot_raise(&t->list.kept_until_ms, kept < end_ms ? kept : end_ms);
    sl_slot_raise(&t->list.cached_until_ms, cached < end_ms ? cached : end_ms);
}

struct sl_token *sl_slot_fill(struct sl_klist *t, struct sl_token *token)
{
    sl_slot_raise(&t->list.latest_exp, token->exp);
    atomic_store_explicit(&t->list.withheld, false, memory_order_release);
    if (sl_list_token(&t->list) != NULL)
        note_kept(t, sl_list_token(&t->list)); /* before: who sees the new one must know of it */
    struct sl_token *old = atomic_exchange_explicit(&t->list.token, token, memory_order_acq_rel);
    atomic_store_explicit(&t->list.under_way, false, memory_order_release);
    return old;
}

void sl_slot_confirm(struct sl_klist *t)
{
    atomic_store_explicit(&t->list.withheld, false, memory_order_release);
    atomic_store_explicit(&t->list.under_way, false, memory_order_release);
}

void sl_slot_withhold(struct sl_klist *t)
{
    atomic_store_explicit(&t->list.withheld, true, memory_order_release);
    atomic_store_explicit(&t->list.under_way, false, memory_order_release);
}
