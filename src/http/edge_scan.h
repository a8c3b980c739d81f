/* Reads the bodies that clients usually send without building a tree. Recognises a subset of what edge_body.c
 * accepts, with the same values: members by their plain names, once each, strings of printable ASCII without
 * escapes, integers in their ranges. Any other body is "not recognised" and left to the JSON
 * library, which says what is wrong with it. Pure; the spans point into `json`. */
#pragma once
#include "http/edge.h"

bool sl_scan_update(struct sl_span json, struct sl_update_entry *ret);

/* The most entries that a batch of this many bytes can hold. */
size_t sl_scan_batch_room(size_t bytes);
/* False also when there are more than `max` entries. `ret` has room for max; it may have been written to even
 * then. */
bool sl_scan_batch(struct sl_span json, size_t max, struct sl_update_entry *ret, size_t *ret_count);
