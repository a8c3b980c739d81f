/* When gathered updates leave for Redis: pure arithmetic on times that the caller reads. One thread: its
 * owner's.
 *
 * Redis answers a flush after one script and, under `always`, one sync of the disk; a flush costs little more
 * for a hundred updates than for one. So one flush is in flight. After its reply the next one leaves when as
 * many requests wait as it carried plus those that arrived during its flight, or when an eighth of a round
 * trip has passed without a new request, or after half a round trip at the latest. Without that waiting two
 * halves of the clients take turns, each paying for a sync of its own. A lone client never waits.
 *
 * Where Redis is quicker than this thread (service time of a flush < processor time of its requests), waiting
 * for all leaves both idle in turn: then two flushes are in flight, each with half of the clients, and one is
 * handled while Redis works on the other. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define SL_PACE_FLIGHTS 2
#define SL_PACE_SAMPLES 8

struct sl_pace {
    /* Oldest first: replies come in that order. */
    struct {
        uint64_t sent_ns;
        uint32_t carried;
    } flights[SL_PACE_FLIGHTS];
    unsigned in_flight;
    uint32_t target;                    /* the next flush leaves with this many requests; 0: at once */
    uint32_t crowd;                     /* recent requests: in flight, answered just now, or gathered */
    uint64_t latest_ns;                 /* it leaves at this time in any case; 0: no deadline */
    bool overlap;                       /* two flushes in flight */
    uint64_t services[SL_PACE_SAMPLES]; /* of the last flushes, time behind another not counted */
    unsigned replies;
    double spent_ns;      /* processor time of this thread, old times weighted less ... */
    double handled;       /* ... for this many requests, weighted alike */
    uint64_t last_cpu_ns; /* at the last reply */
    uint64_t last_reply_ns;
};

/* What the caller does next: nothing, send all that is pending, or (re)start a timer of sl_pace_wait_ns. */
enum sl_pace_step { SL_PACE_NOTHING, SL_PACE_SEND, SL_PACE_TIMER };

/* A request has come; `pending` counts it. */
enum sl_pace_step sl_pace_arrived(const struct sl_pace *p, uint32_t pending);
/* A flush of `carried` requests has left; at most SL_PACE_FLIGHTS are in flight (asserted). */
void sl_pace_sent(struct sl_pace *p, uint32_t carried, uint64_t now_ns);
/* The oldest flight was answered. `cpu_ns`: processor time of this thread so far. */
enum sl_pace_step sl_pace_replied(struct sl_pace *p, uint32_t pending, uint64_t now_ns, uint64_t cpu_ns,
                                  uint64_t round_trip_ns);
/* The timer has run out: waiting requests leave, and the next one counts as a lone client. True: send. */
bool sl_pace_expired(struct sl_pace *p, uint32_t pending);
uint64_t sl_pace_wait_ns(const struct sl_pace *p, uint64_t now_ns, uint64_t round_trip_ns);
