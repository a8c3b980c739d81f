/* The hand-over file: `<runtime directory>/hand-over`, by which a process tells the next one on the same boot
 * which lists it owned, and how far it had taken from each. It has to outlive the process, not the boot, so
 * it lies in memory (tmpfs) and is never synced.
 *
 * One file and one lock for all pools. The file is consumed: whoever starts reads and unlinks it, and then
 * writes its own, so that no two processes ever take a list over. What was read and not yet inherited is in
 * the new file too, under its old owner.
 *
 * Owner: first the main thread, which opens and closes it; in between the keeper's. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "core/handover.h"

#define SL_HANDOVER_NONE UINT32_MAX

struct sl_handover;

/* The fields that this boot and the database have in common with a file. False: the system has no boot id. */
SL_CHECKED bool sl_handover_scope_of(uint64_t database, struct sl_handover_scope *ret);
/* Locks the directory, consumes the file that is there, and begins one's own. Blocking, briefly: at the
 * start, before anything is sent to Redis. `why` gets one sentence if the directory cannot be used (NULL), or
 * the file that was there cannot; otherwise it stays empty. */
struct sl_handover *sl_handover_open(const char *directory, const struct sl_handover_scope *scope,
                                     struct sl_buf *why);
/* Leaves the file to the next process. NULL ok. */
void sl_handover_close(struct sl_handover *h);

/* What the process before has left, by slot; slots without a list have an empty pool. */
uint32_t sl_handover_slots(const struct sl_handover *h); /* 0 for NULL */
const struct sl_handed *sl_handover_at(const struct sl_handover *h, uint32_t slot);
/* Writes what holds of a list from now on; before anything that it says is made true. *slot is the list's, or
 * SL_HANDOVER_NONE: then it gets one. When the file cannot be written it is given up, and the next process
 * begins new lists; that is logged once. False: it could not even be given up, and what it says would be
 * wrong: the caller must not go on with the list. NULL: nothing is written. */
SL_CHECKED bool sl_handover_put(struct sl_handover *h, uint32_t *slot, const struct sl_handed *handed);
/* The file is kept at present. NULL: it is not. */
bool sl_handover_used(const struct sl_handover *h);
/* The list is of no use to an heir. */
void sl_handover_drop(struct sl_handover *h, uint32_t slot);
