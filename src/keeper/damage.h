/* Lists of which Redis has no whole record: somebody else has written there, or has removed it. Such a list
 * hides no other. It is named once, counted, and asked for again until its record is whole or gone
 * (keeper/lookup.h); a token that this process has of it is shown until it expires. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/uuid.h"

struct sl_damaged_list;
struct sl_keeper;
struct sl_klist;
struct sl_kpool;

#define SL_DAMAGED_MAX 1000 /* of a pool; those beyond are named in the log only */

/* Of one pool. */
struct sl_damage {
    struct sl_damaged_id {
        struct sl_uuid id;
        const char *field;
    } * lists;
    uint32_t count;
    uint32_t next; /* the one to ask for again */
    bool asking;
};

void sl_keeper_damage_free(struct sl_kpool *p);
/* Redis has the list without a whole record. */
void sl_keeper_note_damaged(struct sl_kpool *p, const struct sl_damaged_list *damaged);
/* A state of the list could not be read. */
void sl_keeper_note_unreadable(const struct sl_klist *t);
/* Its record is whole, or the pool has the list no more. */
void sl_keeper_note_whole(struct sl_kpool *p, const struct sl_uuid *id);
bool sl_keeper_is_damaged(const struct sl_keeper *k, const struct sl_uuid *id);
/* The next one to ask for, each in turn; NULL: none, or Redis is being asked. */
const struct sl_uuid *sl_keeper_next_damaged(struct sl_kpool *p);
/* Whether Redis is being asked from now on. */
void sl_keeper_ask_damaged(struct sl_kpool *p, bool asking);
uint32_t sl_keeper_damaged_count(const struct sl_kpool *p);
/* As a sentence; nothing when no list is damaged. */
void sl_keeper_put_damage(const struct sl_keeper *k, struct sl_buf *out);
