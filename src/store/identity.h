/* Who this instance is to Redis: a UUID kept in `<storage>/instance-id` (0600), so that a process that comes
 * after a crash knows the connections of the one before; and a nonce of this run. */
#pragma once
#include "base/buf.h"
#include "store/store.h"

/* Reads the id or, the first time, makes and syncs it. Blocking: at start. False: one sentence in `why`. */
bool sl_store_identity_load(const char *storage, const struct sl_clock *clock, struct sl_buf *why,
                            struct sl_store_identity *ret);
