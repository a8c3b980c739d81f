/* The lists that this process may take from. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "store/store.h"

struct sl_keeper;
struct sl_klist;
struct sl_kpool;

/* A list that has indices left. */
struct sl_owned {
    struct sl_klist *list;
    uint32_t position; /* reservations 0 .. position-1 were taken, whatever Redis says */
    uint64_t ready_ns; /* monotonic: not taken from before; a crash of Redis may still lose the list */
    uint32_t slot;     /* in the hand-over file */
};

/* Of one pool. */
struct sl_ownership {
    struct sl_owned *lists; /* in the order in which they are taken from */
    uint32_t count, room;
    /* Lists that are being made. They stay until Redis has confirmed them: the next try sends them again, so
     * that tries which fail leave no lists behind. */
    struct sl_list_draft *drafts;
    char *draft_texts;
    uint32_t draft_count;
    bool making;
    uint64_t no_room_ns; /* when a list could not be kept: none is made for a while; 0: they can */
};

/* Redis was asked for lists, to be made or inherited. `ok`: it has answered; otherwise it is to be asked
 * again, after a moment. */
typedef void(sl_keeper_owns_cb)(struct sl_kpool *p, bool ok);
/* Redis has refused a change of the keeper's, since its history is another one. */
typedef void(sl_keeper_other_history_cb)(struct sl_kpool *p);

void sl_keeper_own_free(struct sl_kpool *p);
/* The list is this process' from now on; `position` of its reservations were taken. `slot`: in the hand-over
 * file already, or SL_HANDOVER_NONE. */
void sl_keeper_own(struct sl_klist *t, uint32_t position, uint32_t slot);

/* Up to `max` lists that can be taken from now, enough for `want` indices if there are as many. */
uint32_t sl_keeper_name_lists(const struct sl_kpool *p, uint64_t want, uint32_t max, struct sl_position *out);
/* Makes the lists that lack for `want` indices more, and then for the spares that the options want. False: it
 * could not be tried. */
bool sl_keeper_make_lists(struct sl_kpool *p, uint64_t want);
bool sl_keeper_is_making(const struct sl_kpool *p);
/* Redis has given these indices. False: they must not be used. They were taken before, which is Redis' fault,
 * or the hand-over file would say so to an heir. */
bool sl_keeper_note_taken(struct sl_klist *t, uint32_t from, uint32_t count);
/* The list has nothing left, or belongs to nobody, or to another process. */
void sl_keeper_disown(struct sl_kpool *p, const struct sl_uuid *id);
/* Of a list of which references are here; its size when nothing is left in Redis. */
struct sl_position sl_keeper_position(struct sl_klist *t);
/* References of the list are about to go back to Redis, for an heir. */
void sl_keeper_leave_list(struct sl_klist *t);
/* Lists that have indices left; those of them that nothing was taken from. */
uint32_t sl_keeper_owned(const struct sl_kpool *p);
uint32_t sl_keeper_spares(const struct sl_kpool *p);
