/* Pops by 1, 2 and 4 consumers while the producer keeps the ring filled. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/ring.h"
#include "micro.h"

#define CAPACITY 65536
#define BUCKETS 4096 /* of 16 ns */

struct consumer {
    pthread_t thread;
    struct sl_ring *ring;
    _Atomic bool *over;
    uint64_t pops, empty;
    uint32_t bucket[BUCKETS];
    uint32_t n;
};

static void *pop_until_over(void *arg)
{
    struct consumer *c = arg;
    uint64_t out[64], left;
    while (!atomic_load_explicit(c->over, memory_order_relaxed)) {
        bool timed = c->pops % 16 == 0;
        uint64_t begun = timed ? micro_now_ns() : 0;
        if (!sl_ring_pop(c->ring, c->n, out, &left)) {
            c->empty++;
            sched_yield();
            continue;
        }
        if (timed) {
            uint64_t at = (micro_now_ns() - begun) / 16;
            c->bucket[at < BUCKETS ? at : BUCKETS - 1]++;
        }
        micro_keep(out);
        c->pops++;
    }
    return NULL;
}

static void fill_ring(struct sl_ring *r, _Atomic bool *over)
{
    uint64_t block[1024], end = micro_now_ns() + micro_run_ns();
    for (uint32_t i = 0; i < 1024; i++)
        block[i] = sl_ring_slot(1, i);
    while (micro_now_ns() < end)
        if (!sl_ring_push(r, block, 1024))
            sched_yield();
    atomic_store(over, true);
}

static uint64_t p99_ns(const struct consumer *c, unsigned consumers)
{
    uint64_t all = 0, seen = 0;
    for (unsigned i = 0; i < consumers; i++)
        for (unsigned b = 0; b < BUCKETS; b++)
            all += c[i].bucket[b];
    for (unsigned b = 0; b < BUCKETS; b++) {
        for (unsigned i = 0; i < consumers; i++)
            seen += c[i].bucket[b];
        if (seen * 100 >= all * 99)
            return (b + 1) * 16;
    }
    return 0;
}

static void measure_pops(unsigned consumers, uint32_t n)
{
    struct consumer *c = calloc(consumers, sizeof *c);
    struct sl_ring *r = sl_ring_new(CAPACITY);
    _Atomic bool over = false;
    char name[64], detail[96];
    uint64_t pops = 0, empty = 0, begun = micro_now_ns();
    for (unsigned i = 0; i < consumers; i++) {
        c[i].ring = r;
        c[i].over = &over;
        c[i].n = n;
        pthread_create(&c[i].thread, NULL, pop_until_over, &c[i]);
    }
    fill_ring(r, &over);
    for (unsigned i = 0; i < consumers; i++) {
        pthread_join(c[i].thread, NULL);
        pops += c[i].pops;
        empty += c[i].empty;
    }
    double seconds = (double)(micro_now_ns() - begun) / 1e9;
    snprintf(name, sizeof name, "ring: pop of %u, %u consumers", n, consumers);
    snprintf(detail, sizeof detail, "p99 %llu ns (with the clock), found empty %llu times",
             (unsigned long long)p99_ns(c, consumers), (unsigned long long)empty);
    micro_report(name, (double)pops / seconds, "pop/s", detail);
    sl_ring_free(r);
    free(c);
}

void micro_ring(void)
{
    for (unsigned consumers = 1; consumers <= 4; consumers *= 2) {
        measure_pops(consumers, 1);
        measure_pops(consumers, 25);
    }
}
