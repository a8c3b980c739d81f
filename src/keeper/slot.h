/* The slot of a list (pool/list.h): how a token gets into it, and for how long the one before may be used. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

struct sl_klist;
struct sl_token;

/* Returns the token that was there, which the workers may still be using. */
struct sl_token *sl_slot_fill(struct sl_klist *t, struct sl_token *token);
/* The slot stays as it is, since it shows what Redis has. */
void sl_slot_confirm(struct sl_klist *t);
/* The token in the slot is not what a publication now would show. */
void sl_slot_withhold(struct sl_klist *t);
/* Of what the workers read and only the keeper writes: never lowered. */
static inline void sl_slot_raise(_Atomic int64_t *latest, int64_t value)
{
    if (value > atomic_load_explicit(latest, memory_order_relaxed))
        atomic_store_explicit(latest, value, memory_order_release);
}
