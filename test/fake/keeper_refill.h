/* What the tests of taking have in common: the ring of the first pool. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture.h"
#include "keeper/keeper_int.h"

static inline struct sl_ring *ring_of(struct fixture *f)
{
    return f->shared.pools[0].ring;
}

static inline uint32_t take_all(struct fixture *f, uint64_t *slots)
{
    uint64_t left, n = sl_ring_fill(ring_of(f));
    assert_true(n == 0 || sl_ring_pop(ring_of(f), (uint32_t)n, slots, &left));
    return (uint32_t)n;
}

static inline struct sl_list *list_of(struct fixture *f, uint64_t slot)
{
    return sl_table_at(f->shared.table, sl_ring_slot_list(slot));
}

static inline bool started(struct fixture *f, void *arg)
{
    (void)arg;
    return atomic_load(&f->started);
}

static inline bool ring_full(struct fixture *f, void *arg)
{
    (void)arg;
    return sl_ring_fill(ring_of(f)) == f->options[0].capacity;
}

static inline void ask_refill(struct fixture *f)
{
    struct sl_pool *p = &f->shared.pools[0];
    uint64_t slot;
    if (sl_reserve_now(&f->workers[0].pool, p, sl_pool_options(p)->threshold, &slot))
        assert_true(false); /* the ring has to be empty */
}
