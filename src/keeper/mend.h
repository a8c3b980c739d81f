/* Restoring lists that Redis has lost, or lost changes of. */
#pragma once
#include <stdbool.h>
#include "keeper/lists.h"

struct sl_keeper;
struct sl_mail;
struct sl_mended_names;

/* Of one list. */
struct sl_list_mending {
    bool asked;       /* in the present round */
    unsigned crowded; /* joins in pieces during which too much was set */
};

/* Of one pool. */
struct sl_mending {
    uint32_t next_number; /* of the table: how far the present round came */
    struct sl_flight flight;
    unsigned round; /* counts the rounds: what is under way from an earlier one is given up */
    bool failed;    /* a list was not restored: the pool begins anew with the next sweep */
    bool other;     /* Redis has another history than the one that was opened: the pool is opened at once */
    struct sl_mended_names *names; /* of lists that are not in the log yet: one of each kind; NULL: none */
};

/* Every list of the pool that Redis had lost is restored; or, `other`, the pool has to be opened anew first.
 */
typedef void(sl_keeper_mended_cb)(struct sl_kpool *p, bool other);

/* All lists were read and compared. */
void sl_keeper_start_mending(struct sl_kpool *p);
/* Goes on where there is something to go on with. */
void sl_keeper_mend(struct sl_kpool *p);
void sl_keeper_unpack_done(struct sl_mail *mail);
void sl_keeper_mending_free(struct sl_kpool *p);
