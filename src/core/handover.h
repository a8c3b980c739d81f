/* The bytes of the hand-over file: what a process says of its lists to the one that comes after it. Records
 * of one length: a head, then one for each list; a record of zeros is free, so that each is written in place.
 * A checksum in each covers the boot and the database too. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/uuid.h"

#define SL_HANDOVER_RECORD 128 /* bytes; a divisor of a page, so that a record lies in one */
#define SL_HANDOVER_POOL 64    /* characters of a pool's name */

/* Where the file holds: the lists are in this database, and no other process of this boot has them. */
struct sl_handover_scope {
    uint8_t boot[16];
    uint64_t database; /* a fingerprint of its address */
};

/* One list. */
struct sl_handed {
    char pool[SL_HANDOVER_POOL + 1]; /* empty: the record is free */
    char run[17];                    /* its owner */
    struct sl_uuid list;
    uint32_t position; /* reservations 0 .. position-1 were taken */
};

enum sl_handover_flaw {
    SL_HANDOVER_WHOLE,
    SL_HANDOVER_LENGTH,   /* not a number of records, or none */
    SL_HANDOVER_OTHER,    /* not a hand-over file of this version */
    SL_HANDOVER_BOOT,     /* of another boot */
    SL_HANDOVER_DATABASE, /* of another database */
    SL_HANDOVER_TORN      /* a checksum or a value is wrong */
};

void sl_handover_put_head(const struct sl_handover_scope *scope, uint8_t out[static SL_HANDOVER_RECORD]);
void sl_handover_put_list(const struct sl_handover_scope *scope, const struct sl_handed *handed,
                          uint8_t out[static SL_HANDOVER_RECORD]);
enum sl_handover_flaw sl_handover_check_head(const struct sl_handover_scope *scope, const uint8_t *bytes,
                                             size_t n);
/* False: torn. */
bool sl_handover_get_list(const struct sl_handover_scope *scope,
                          const uint8_t bytes[static SL_HANDOVER_RECORD], struct sl_handed *ret);
