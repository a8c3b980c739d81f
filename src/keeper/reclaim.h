/* Freeing replaced tokens after a grace period (quiescent-state-based reclamation, QSBR).
 *
 * A worker reads a list's token without a lock and without a share, and uses the pointer until its loop turn
 * ends: between two turns it is in a quiescent state. So the keeper sends each worker one turn message; once
 * all of them have come back, no worker can hold a pointer that was replaced before, and the tokens are
 * freed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_keeper;
struct sl_token;

struct sl_replaced_tokens {
    struct sl_token **tokens;
    uint32_t *lists; /* the numbers of their lists */
    size_t count, cap;
};

struct sl_reclaim {
    /* Replaced since the present grace period began: they wait for the next one. */
    struct sl_replaced_tokens next;
    /* Freed when the present grace period ends. */
    struct sl_replaced_tokens current;
    struct sl_turn_mail *turns; /* per worker */
    unsigned turns_out;         /* not yet come back; 0: no grace period is under way */
};

void sl_keeper_reclaim_init(struct sl_keeper *k);
void sl_keeper_reclaim_free(struct sl_keeper *k);
/* Takes over the share of `old`, which has just left the slot of that list. */
void sl_keeper_defer_free(struct sl_keeper *k, uint32_t list, struct sl_token *old);
/* A turn message has come back: that worker has passed a quiescent state. */
void sl_keeper_note_quiescent(struct sl_keeper *k);
