#include "pool/pace.h"

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

/* One sample counts at most as twice and at least as half of what was known: a single slow sync, or a flush
 * that changed nothing and so needed none, says little about the next. */
static void measure_service(struct sl_pace *p, uint64_t sent_ns, uint64_t now_ns)
{
    uint64_t since = sent_ns > p->last_reply_ns ? sent_ns : p->last_reply_ns;
    uint64_t took = now_ns - since, known = p->service_ns;
    took = known != 0 && took > 2 * known ? 2 * known : took;
    took = took < known / 2 ? known / 2 : took;
    p->service_ns = known == 0 ? took : known - known / SMOOTH + took / SMOOTH;
    p->last_reply_ns = now_ns;
}

static void measure_cost(struct sl_pace *p, uint32_t carried, uint64_t cpu_ns)
{
    uint64_t each = (cpu_ns - p->last_cpu_ns) / carried;
    if (p->last_cpu_ns != 0)
        p->cost_ns = p->cost_ns == 0 ? each : p->cost_ns - p->cost_ns / SMOOTH + each / SMOOTH;
    p->last_cpu_ns = cpu_ns;
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
    /* A fifth more to leave the mode than to enter it, so that it does not flap. */
    uint64_t handling = p->cost_ns * carried, bar = p->overlap ? handling + handling / 4 : handling;
    p->overlap = carried > 1 && p->service_ns < bar;
    if (p->overlap) {
        uint32_t all = carried + pending + (p->in_flight > 0 ? p->flights[0].carried : 0);
        p->target = (all + 1) / 2;
        p->latest_ns = now_ns + round_trip_ns / LATEST_SHARE;
        if (pending > 0 && (p->in_flight == 0 || pending >= p->target))
            return SL_PACE_SEND;
        return p->in_flight == 0 ? SL_PACE_TIMER : SL_PACE_NOTHING;
    }
    if (p->in_flight > 0)
        return SL_PACE_NOTHING; /* coming out of the overlap: the other half ends first */
    p->target = carried + pending;
    p->latest_ns = now_ns + round_trip_ns / LATEST_SHARE;
    return p->target > 1 ? SL_PACE_TIMER : SL_PACE_NOTHING;
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
