/* The pool's durable high-water mark: the take counter up to which indices may have been handed out, in
 * `<storage>/marks/<pool>`. Only with the embedded Redis, whose only client we are. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* False when there is none, or its checksum is wrong (torn): then nothing is adopted. */
bool sl_mark_read(const char *storage, const char *pool, uint64_t *ret);
/* Writes and syncs (blocking: for the clerk's thread). */
bool sl_mark_write(const char *storage, const char *pool, uint64_t taken);
