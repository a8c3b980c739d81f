/* Retirement of lists, and the lease on references that makes it safe. The story: lease.c. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_kpool;

/* Of one list. */
struct sl_holding {
    uint32_t round; /* the pool's `rounds` that found references of it last */
};

/* Of one pool. Times are monotonic. */
struct sl_lease {
    uint32_t rounds;      /* counts the collections of held lists */
    uint32_t next_number; /* of the table: how far the present round of questions came */
    bool asking;          /* Redis is being asked */
    uint64_t asked_ns, next_round_ns;
    uint64_t until_ns; /* until when ready references may be handed out; 0: none is leased yet */
};

/* Before references are asked for, and when a reload switches leases on: what comes, or is here, is leased
 * from now on. */
void sl_keeper_begin_lease(struct sl_kpool *p);

/* Every sweep: renews the lease, and asks Redis which lists are retired or gone. */
void sl_keeper_watch_lease(struct sl_kpool *p);
