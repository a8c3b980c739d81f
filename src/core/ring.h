/* The ring in which reserved references wait: one producer (the keeper), many consumers (the workers),
 * bounded, lock-free. A slot is one 64-bit word: list number in the high half, index in the low half.
 *
 * All-or-nothing pops. The memory orders are the contract, other ones were seen to give duplicates:
 * - consumer: head (acquire), THEN tail (acquire), checks tail - head >= n, reads n slots (relaxed) into its
 *   own memory, then CAS head -> head + n (strong, acq_rel / acquire); what was read is discarded when that
 *   fails;
 * - producer: head (acquire), writes slots (relaxed), stores tail (release).
 *
 * Positions are 64-bit and never wrap. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_ring;

static inline uint64_t sl_ring_slot(uint32_t list, uint32_t index)
{
    return (uint64_t)list << 32 | index;
}

static inline uint32_t sl_ring_slot_list(uint64_t slot)
{
    return (uint32_t)(slot >> 32);
}

static inline uint32_t sl_ring_slot_index(uint64_t slot)
{
    return (uint32_t)slot;
}

/* Room for `capacity` slots (rounded up to a power of two, at least 8). NULL when memory is short. */
struct sl_ring *sl_ring_new(uint32_t capacity);
void sl_ring_free(struct sl_ring *r); /* NULL ok; no thread may use it any more */

/* Any thread. Takes exactly n slots (1 <= n, asserted) into `out`, oldest first, or none and returns false;
 * `out` has room for n and may have been scribbled on even then. An n beyond the capacity is never there.
 * *ret_left (untouched on failure) is how many slots were left behind them as seen at that moment. */
bool sl_ring_pop(struct sl_ring *r, uint32_t n, uint64_t *out, uint64_t *ret_left);

/* The producer only. Puts all n slots in or none (false: no room). */
bool sl_ring_push(struct sl_ring *r, const uint64_t *slots, uint32_t n);

/* The producer only: the nth slot from the youngest on, unless it was popped. One that is popped at the same
 * moment may be answered yet. */
bool sl_ring_peek(const struct sl_ring *r, uint64_t n, uint64_t *ret);

/* Any thread; a moment's view, at most the capacity. */
uint64_t sl_ring_fill(const struct sl_ring *r);
