#include "core/ring.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"

#define CACHE_LINE 64

/* Consumers write head, the producer writes tail, nothing writes the rest: each has its cache line. */
struct sl_ring {
    _Alignas(CACHE_LINE) _Atomic uint64_t head;
    _Alignas(CACHE_LINE) _Atomic uint64_t tail;
    _Alignas(CACHE_LINE) uint64_t mask;
    _Atomic uint64_t *slots;
};

struct sl_ring *sl_ring_new(uint32_t capacity)
{
    uint64_t room = CACHE_LINE / sizeof(uint64_t);
    while (room < capacity)
        room *= 2;
    struct sl_ring *r = aligned_alloc(CACHE_LINE, sizeof *r);
    _Atomic uint64_t *slots = aligned_alloc(CACHE_LINE, (size_t)room * sizeof *slots);
    if (r == NULL || slots == NULL) {
        free(r);
        free((void *)slots);
        return NULL;
    }
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    r->mask = room - 1;
    r->slots = slots;
    for (uint64_t i = 0; i < room; i++)
        atomic_init(&slots[i], 0);
    return r;
}

void sl_ring_free(struct sl_ring *r)
{
    if (r == NULL)
        return;
    free((void *)r->slots);
    free(r);
}

bool sl_ring_pop(struct sl_ring *r, uint32_t n, uint64_t *out, uint64_t *ret_left)
{
    sl_assert(n >= 1);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    for (;;) {
        uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (tail - head < n)
            return false;
        for (uint32_t i = 0; i < n; i++)
            out[i] = atomic_load_explicit(&r->slots[(head + i) & r->mask], memory_order_relaxed);
        if (atomic_compare_exchange_strong_explicit(&r->head, &head, head + n, memory_order_acq_rel,
                                                    memory_order_acquire)) {
            *ret_left = tail - head - n;
            return true;
        }
    }
}

bool sl_ring_push(struct sl_ring *r, const uint64_t *slots, uint32_t n)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    if (n > r->mask + 1 - (tail - head))
        return false;
    for (uint32_t i = 0; i < n; i++)
        atomic_store_explicit(&r->slots[(tail + i) & r->mask], slots[i], memory_order_relaxed);
    atomic_store_explicit(&r->tail, tail + n, memory_order_release);
    return true;
}

uint64_t sl_ring_fill(const struct sl_ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t fill = atomic_load_explicit(&r->tail, memory_order_acquire) - head;
    return fill <= r->mask + 1 ? fill : r->mask + 1;
}

bool sl_ring_peek(const struct sl_ring *r, uint64_t n, uint64_t *ret)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (n >= tail - head)
        return false;
    *ret = atomic_load_explicit(&r->slots[(tail - 1 - n) & r->mask], memory_order_relaxed);
    return true;
}
