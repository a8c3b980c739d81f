/* Freeing replaced tokens and histories after a grace period (quiescent-state-based reclamation, QSBR).
 *
 * A worker reads a list's token, or a pool's history, without a lock and without a share, and uses the
 * pointer until its loop turn ends: between two turns it is in a quiescent state. So the keeper sends each
 * worker one turn message; once all of them have come back, no worker can hold a pointer that was replaced
 * before, and what it points to is freed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_history;
struct sl_keeper;
struct sl_token;

struct sl_replaced {
    struct sl_token **tokens;
    uint32_t *lists; /* the numbers of their lists */
    size_t count, cap;
    struct sl_history *histories; /* linked by `older` */
};

struct sl_reclaim {
    /* Replaced since the present grace period began: they wait for the next one. */
    struct sl_replaced next;
    /* Freed when the present grace period ends. */
    struct sl_replaced current;
    struct sl_turn_mail *turns; /* per worker */
    unsigned turns_out;         /* not yet come back; 0: no grace period is under way */
};

void sl_keeper_reclaim_init(struct sl_keeper *k);
void sl_keeper_reclaim_free(struct sl_keeper *k);
/* Takes over the share of `old`, which has just left the slot of that list. */
void sl_keeper_defer_free(struct sl_keeper *k, uint32_t list, struct sl_token *old);
/* The same for a history that has just left its pool; NULL: nothing. */
void sl_keeper_defer_history(struct sl_keeper *k, struct sl_history *old);
/* A turn message has come back: that worker has passed a quiescent state. */
void sl_keeper_note_quiescent(struct sl_keeper *k);
