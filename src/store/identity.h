/* The identity of this instance for Redis: a UUID in `<storage>/instance-id` (0600), by which a process
 * recognizes the connections of its crashed predecessor; and a nonce of this run. */
#pragma once
#include "base/buf.h"
#include "store/store.h"

/* Reads the id or, the first time, makes and syncs it. Blocking: at start. False: one sentence in `why`. */
bool sl_store_identity_load(const char *storage, const struct sl_clock *clock, struct sl_buf *why,
                            struct sl_store_identity *ret);
