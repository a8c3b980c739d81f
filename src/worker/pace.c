#include "worker/pace.h"

#include "base/assert.h"

#define SHARE 8        /* of a round trip that a flush waits for one more */
#define LATEST_SHARE 2 /* of a round trip that it waits all in all */
#define SMOOTH 8

enum sl_pace_step sl_pace_arrived(const struct sl_pace *p, uint32_t pending)
{
    unsigned most = p->overlap ? SL_PACE_FLIGHTS : 1;
    if (p->in_flight >= most)
        return SL_PACE_NOTHING;
    if (pending >= p->target)
        return SL_PACE_SEND;
    return p->in_flight == 0 ? SL_PACE_TIMER : SL_PACE_NOTHING; /* the reply under way decides */
}

void sl_pace_sent(struct sl_pace *p, uint32_t carried, uint64_t now_ns)
{
    sl_assert(p->in_flight < SL_PACE_FLIGHTS);
    p->flights[p->in_flight].carried = carried;
    p->flights[p->in_flight].sent_ns = now_ns;
    p->in_flight++;
}

/* The thread looks late at a reply when it is busy, and a disk is slow now and then: the least of the last
 * few is what Redis needs. */
static void measure_service(struct sl_pace *p, uint64_t sent_ns, uint64_t now_ns)
{
    uint64_t since = sent_ns > p->last_reply_ns ? sent_ns : p->last_reply_ns;
    p->services[p->replies++ % SL_PACE_SAMPLES] = now_ns - since;
    p->last_reply_ns = now_ns;
}

static uint64_t service_ns(const struct sl_pace *p)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < SL_PACE_SAMPLES && i < p->replies; i++)
        least = p->services[i] < least ? p->services[i] : least;
    return least;
}

/* A quotient of sums: a small flush does not look expensive because many requests arrived during it. */
static void measure_cost(struct sl_pace *p, uint32_t carried, uint64_t cpu_ns)
{
    if (p->last_cpu_ns != 0) {
        p->spent_ns += (double)(cpu_ns - p->last_cpu_ns) - p->spent_ns / SMOOTH;
        p->handled += carried - p->handled / SMOOTH;
    }
    p->last_cpu_ns = cpu_ns;
}

/* Whether Redis needs less time for a flush than this thread for its requests: for all recent ones, or for
 * half of them. Only a fifth less ends the overlap, so that it does not switch to and fro. */
static bool redis_is_quicker(const struct sl_pace *p)
{
    if (p->crowd < 2 || p->handled <= 0)
        return false;
    double handling = p->spent_ns / p->handled * p->crowd;
    return (double)service_ns(p) < (p->overlap ? 1.25 * handling / 2 : handling);
}

static enum sl_pace_step gather_half(struct sl_pace *p, uint32_t pending)
{
    p->target = (p->crowd + 1) / 2;
    if (pending > 0 && (p->in_flight == 0 || pending >= p->target))
        return SL_PACE_SEND;
    return p->in_flight == 0 ? SL_PACE_TIMER : SL_PACE_NOTHING;
}

static enum sl_pace_step gather_all(struct sl_pace *p, uint32_t all)
{
    if (p->in_flight > 0)
        return SL_PACE_NOTHING; /* coming out of the overlap: the other half ends first */
    p->target = all;
    return p->target > 1 ? SL_PACE_TIMER : SL_PACE_NOTHING;
}

enum sl_pace_step sl_pace_replied(struct sl_pace *p, uint32_t pending, uint64_t now_ns, uint64_t cpu_ns,
                                  uint64_t round_trip_ns)
{
    sl_assert(p->in_flight > 0);
    uint32_t carried = p->flights[0].carried;
    measure_service(p, p->flights[0].sent_ns, now_ns);
    measure_cost(p, carried, cpu_ns);
    p->flights[0] = p->flights[1];
    p->in_flight--;
    uint32_t seen = carried + pending + (p->in_flight > 0 ? p->flights[0].carried : 0);
    p->crowd -= p->crowd / SMOOTH;
    p->crowd = seen > p->crowd ? seen : p->crowd;
    p->overlap = redis_is_quicker(p);
    p->latest_ns = now_ns + round_trip_ns / LATEST_SHARE;
    return p->overlap ? gather_half(p, pending) : gather_all(p, seen);
}

bool sl_pace_expired(struct sl_pace *p, uint32_t pending)
{
    p->target = 0;
    return pending > 0 && p->in_flight == 0;
}

uint64_t sl_pace_wait_ns(const struct sl_pace *p, uint64_t now_ns, uint64_t round_trip_ns)
{
    uint64_t wait = round_trip_ns / SHARE, left = p->latest_ns > now_ns ? p->latest_ns - now_ns : 0;
    return wait < left ? wait : left;
}
