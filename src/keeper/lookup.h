/* Requests for ids that the table does not have, while the keeper cannot know all. */
#pragma once
#include <stdint.h>
#include "base/err.h"

struct sl_keeper;
struct sl_kpool;
struct sl_lookup_mail;

/* Of the keeper. */
struct sl_lookups {
    uint64_t second; /* in which `started` were started */
    unsigned started;
    struct sl_lookup_mail *early; /* wait for the first reading of the pools */
    struct sl_lookup_mail *asked; /* Redis is being asked: one per id, each with a chain of its own */
};

void sl_keeper_lookup(struct sl_keeper *k, struct sl_lookup_mail *mail);
/* Every sweep: asks Redis for a list whose record was damaged. */
void sl_keeper_look_again(struct sl_kpool *p);
/* Answers those that wait for the first reading. `err` OK: the table is complete now. */
void sl_keeper_answer_early(struct sl_keeper *k, enum sl_err err);
