/* How often one credential may reserve and update: the generic cell rate algorithm (GCRA, ITU-T I.371 annex
 * A, in its form of virtual scheduling), for all threads together and without a lock.
 *
 * Of a credential, a pool and a kind of call there is one number: the theoretical arrival time (TAT), until
 * when what was used is paid for. n uses cost n / rate seconds. They conform when the TAT, with that cost, is
 * no further ahead of now than the burst, or when nothing is owed at all (so no call is too large for ever;
 * it is paid for afterwards); then the TAT moves, by one compare-and-swap. What does not conform changes
 * nothing.
 *
 * The numbers are in a table of fixed size. A TAT that has passed says nothing, so its place is free for
 * others. Where all places of a credential are taken it shares one, which makes the limit narrower for both.
 * It is never wider, but for first calls that come in the same instant as others' times run out. Names are
 * 64-bit keyed hashes, so nobody can choose with whom they share. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "token/digest.h"

#define SL_LIMIT_WAYS 8    /* places in which a credential may be */
#define SL_LIMIT_SETS 2048 /* times as many: 256 KiB */

enum sl_limit_kind { SL_LIMIT_RESERVATIONS, SL_LIMIT_UPDATES };

/* Zeroed memory, but for the seed. Any thread. */
struct sl_limits {
    uint64_t seed[2]; /* random */
    struct sl_limit_place {
        _Atomic uint64_t name; /* 0: free */
        _Atomic uint64_t tat;  /* monotonic ns */
    } places[SL_LIMIT_SETS][SL_LIMIT_WAYS];
};

struct sl_limit_rate {
    uint32_t per_second; /* at least 1 */
    uint32_t burst_ms;
};

/* Takes n uses; false: they do not conform, and would in *ret_wait_ns if nobody else came. */
bool sl_limit_take(struct sl_limits *l, const uint8_t credential[static SL_SHA256], unsigned pool,
                   enum sl_limit_kind kind, struct sl_limit_rate rate, uint32_t n, uint64_t now_ns,
                   uint64_t *ret_wait_ns);
