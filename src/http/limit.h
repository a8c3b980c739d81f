/* How often one credential may reserve and update: the generic cell rate algorithm (GCRA, ITU-T I.371 annex
 * A, in its form of virtual scheduling), for all threads together and without a lock.
 *
 * There is one number for each credential, pool and kind of call: the theoretical arrival time (TAT), at
 * which all uses so far are paid for. n uses cost n / rate seconds. They conform when the TAT plus that cost
 * is no further ahead of now than the burst, or when the credential owes nothing (so no call is too large for
 * ever; it is paid for afterwards); then one compare-and-swap moves the TAT. Uses that do not conform change
 * nothing.
 *
 * The numbers are in a table of fixed size. A TAT in the past has no meaning, so its place is free for
 * others. If all places of its set are taken, a credential shares one, which makes the limit narrower for
 * both. The limit is never wider, except for a first call in the very moment in which another credential's
 * time runs out. Names are 64-bit keyed hashes, so a client cannot choose with whom it shares. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "token/digest.h"

#define SL_LIMIT_WAYS 8    /* places of a set: a credential is in one of them */
#define SL_LIMIT_SETS 2048 /* 256 KiB in all */

enum sl_limit_kind { SL_LIMIT_RESERVATIONS, SL_LIMIT_UPDATES };

/* Zeroed, except the seed. Any thread. */
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

/* Takes n uses. False: they do not conform; they would after *ret_wait_ns without other calls. */
bool sl_limit_take(struct sl_limits *l, const uint8_t credential[static SL_SHA256], unsigned pool,
                   enum sl_limit_kind kind, struct sl_limit_rate rate, uint32_t n, uint64_t now_ns,
                   uint64_t *ret_wait_ns);
