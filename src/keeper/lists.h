/* The keeper's lists: finding one, its size in memory, a draft of a new one. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_keeper;
struct sl_klist;
struct sl_kpool;
struct sl_list_draft;
struct sl_list_record;

#define SL_URI_ROOM 2048 /* bytes for the URI of a list; the configuration keeps public-url well below */

/* By its number in the table. */
struct sl_klist *sl_keeper_list(struct sl_keeper *k, uint32_t number);
/* The list after `t`, of any pool; the first for NULL; NULL after the last. See SL_EACH_KLIST. */
struct sl_klist *sl_keeper_next_list(struct sl_keeper *k, const struct sl_klist *t);
/* NULL: no memory, or the table is full. */
struct sl_klist *sl_keeper_new_list(struct sl_kpool *p, const struct sl_list_record *record);
/* A new list: random id and seed, its URI in `text`. */
void sl_keeper_draft(struct sl_keeper *k, struct sl_list_draft *draft, char *text, size_t room);

/* Bytes of all statuses. */
size_t sl_keeper_raw_bytes(const struct sl_klist *t);

/* Lists that are being worked on at once, and their raw bytes: both are bounded. */
struct sl_flight {
    unsigned lists;
    size_t bytes;
};
void sl_flight_begin(struct sl_flight *f, const struct sl_klist *t);
void sl_flight_end(struct sl_flight *f, const struct sl_klist *t);
/* A first list always has room. */
bool sl_flight_has_room(const struct sl_flight *f, const struct sl_klist *t, size_t most_bytes);
