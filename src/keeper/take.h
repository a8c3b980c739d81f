/* Taking blocks of indices from Redis, and having lists made ahead of need (precreation). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "loop/loop.h"

struct sl_keeper;
struct sl_kpool;
struct sl_reservation;

/* Of one pool. */
struct sl_take {
    bool taking;     /* a take is under way */
    bool filling;    /* the last one was cut short: go on to capacity, not only to the threshold */
    uint32_t wanted; /* indices that the last one asked for */
    uint32_t drops;  /* how often references had been dropped when it was sent */
    struct sl_timer retry;
    /* Demand: references that had left for issuers when it was last measured, and when that was. */
    uint64_t left_total, measured_ns;
    struct sl_timer spares; /* next check of the lists created ahead */
};

void sl_keeper_take_init(struct sl_kpool *p);
void sl_keeper_take_free(struct sl_kpool *p);
/* A worker's reservation that has to wait. */
void sl_keeper_enqueue(struct sl_kpool *p, struct sl_reservation *reservation);
/* Hands on the references that are here, and takes more if they are too few. */
void sl_keeper_refill(struct sl_kpool *p);
/* The same, after a moment: something failed. */
void sl_keeper_refill_later(struct sl_kpool *p);
/* Creates the spare lists that are missing, now and after each check-delay. */
void sl_keeper_precreate(struct sl_kpool *p);
/* check-delay may be shorter now. */
void sl_keeper_reschedule_precreation(struct sl_kpool *p);
/* Redis is being asked for indices or lists. */
bool sl_keeper_is_taking(const struct sl_kpool *p);
