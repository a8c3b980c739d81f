/* The ends of the signing certificates: announced 30, 7 and 1 days ahead and daily afterwards. No token
 * outlives its certificate (keeper/schedule.h). */
#pragma once
#include <stdbool.h>
#include "base/ending.h"

struct sl_keeper;
struct sl_kpool;

/* Of one pool. */
struct sl_certificate {
    struct sl_ending ending; /* which announcements were made */
};

bool sl_keeper_expired(const struct sl_kpool *p);
/* The pool's key was replaced: its announcements begin anew. */
void sl_keeper_new_certificate(struct sl_kpool *p);
/* Every sweep. */
void sl_keeper_watch_certificates(struct sl_keeper *k);
