#include "http/limit.h"

#include <string.h>

#include "core/siphash.h"

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

static uint64_t name_of(const struct sl_limits *l, const uint8_t *credential, unsigned pool,
                        enum sl_limit_kind kind)
{
    uint8_t text[SL_SHA256 + 5];
    memcpy(text, credential, SL_SHA256);
    for (unsigned i = 0; i < 4; i++)
        text[SL_SHA256 + i] = (uint8_t)(pool >> 8 * i);
    text[SL_SHA256 + 4] = (uint8_t)kind;
    uint64_t name = sl_siphash(l->seed, text, sizeof text);
    return name != 0 ? name : 1;
}

/* The place of the name; else a free place, or one whose time has passed, which the name takes; else a place
 * that it shares with another name. */
static struct sl_limit_place *place_of(struct sl_limits *l, uint64_t name, uint64_t now_ns)
{
    struct sl_limit_place *set = l->places[name % SL_LIMIT_SETS];
    for (unsigned i = 0; i < SL_LIMIT_WAYS; i++)
        if (atomic_load_explicit(&set[i].name, memory_order_relaxed) == name)
            return &set[i];
    for (unsigned i = 0; i < SL_LIMIT_WAYS; i++) {
        uint64_t had = atomic_load_explicit(&set[i].name, memory_order_relaxed);
        if (had == name)
            return &set[i];
        if (atomic_load_explicit(&set[i].tat, memory_order_relaxed) > now_ns)
            continue;
        if (atomic_compare_exchange_strong_explicit(&set[i].name, &had, name, memory_order_relaxed,
                                                    memory_order_relaxed) ||
            had == name) /* another thread, for the same credential */
            return &set[i];
    }
    return &set[name / SL_LIMIT_SETS % SL_LIMIT_WAYS];
}

bool sl_limit_take(struct sl_limits *l, const uint8_t credential[static SL_SHA256], unsigned pool,
                   enum sl_limit_kind kind, struct sl_limit_rate rate, uint32_t n, uint64_t now_ns,
                   uint64_t *ret_wait_ns)
{
    struct sl_limit_place *place = place_of(l, name_of(l, credential, pool, kind), now_ns);
    uint64_t cost = (n * NS_PER_S + rate.per_second - 1) / rate.per_second;
    uint64_t burst = rate.burst_ms * NS_PER_MS, ahead = burst > cost ? burst - cost : 0;
    uint64_t tat = atomic_load_explicit(&place->tat, memory_order_relaxed);
    for (;;) {
        if (tat > now_ns + ahead) {
            *ret_wait_ns = tat - (now_ns + ahead);
            return false;
        }
        uint64_t next = (tat > now_ns ? tat : now_ns) + cost;
        if (atomic_compare_exchange_weak_explicit(&place->tat, &tat, next, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    }
}
