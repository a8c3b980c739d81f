/* A connection to Redis that blocks until each reply, for a command-line tool. It reads pools and lists, and
 * imports lists of a backup. It closes no other client's connection and starts no server.
 *
 * Owner: one thread. When a function fails, sl_direct_why has the reason. Spans are valid until the next call
 * on the same connection. */
#pragma once
#include "store/store.h"

struct sl_direct;

/* `tls`: an SSL_CTX if the options ask for TLS; the process must then ignore SIGPIPE. `writes`: the server
 * must be the primary. NULL: one sentence in `why`. The options' command timeout bounds connecting and every
 * reply; there is no name resolution but the system's, which blocks. */
struct sl_direct *sl_direct_open(const struct sl_redis_options *options, struct ssl_ctx_st *tls, bool writes,
                                 struct sl_buf *why);
void sl_direct_free(struct sl_direct *d);
const char *sl_direct_why(const struct sl_direct *d); /* a sentence; "" when the last call succeeded */
bool sl_direct_appends(const struct sl_direct *d);    /* the server keeps an append-only file */

struct sl_direct_pool {
    bool known; /* the pool was opened in this database; otherwise the rest is 0 */
    uint32_t size;
    uint8_t bits;
    uint64_t change, taken, lists;
};
bool sl_direct_pool(struct sl_direct *d, const char *pool, struct sl_direct_pool *ret);
/* Registers the pool as the service does, and fixes its size and bits if they are not fixed yet. */
bool sl_direct_open_pool(struct sl_direct *d, const char *pool, uint32_t size, uint8_t bits);
/* The ids of all lists, sorted; free() them. */
bool sl_direct_ids(struct sl_direct *d, const char *pool, struct sl_uuid **ret_ids, size_t *ret_n);

struct sl_direct_list {
    struct sl_span uri, state, bytes; /* bytes may be shorter than the list: the rest is 0 */
    uint32_t size, cursor;
    uint8_t bits;
    uint64_t version, created; /* created: ms since 1970 */
    /* The history of the version: its lineage, the line before it, and what fell out of that ("": nothing).
     * All "": a version from before there were lineages. */
    struct sl_span at, line, cut;
};
/* One list, in one transaction. *ret_gone: there is no such list (any more), and *ret is untouched. */
bool sl_direct_list(struct sl_direct *d, const char *pool, const struct sl_uuid *id,
                    struct sl_direct_list *ret, bool *ret_gone);
/* Whether the list exists, its version, and the backup that it was imported from ("": none). */
bool sl_direct_look(struct sl_direct *d, const char *pool, const struct sl_uuid *id, bool *ret_there,
                    uint64_t *ret_version, struct sl_span *ret_backup);

/* The result of import.lua. */
enum sl_import {
    SL_IMPORT_NEWER,  /* Redis has that version, or a later one */
    SL_IMPORT_MADE,   /* the list was created */
    SL_IMPORT_RAISED, /* the list was at a lower version */
    SL_IMPORT_AGAIN,  /* the list is of this backup already */
    SL_IMPORT_THERE,  /* the list exists, and may not be raised */
    SL_IMPORT_SHAPE,  /* the pool or the list has another size, status width or URI */
    SL_IMPORT_RETIRED /* the list is or was retired */
};
/* Puts a list of a backup into Redis, sealed, with its history, so that living instances which know more of
 * it see that. Without a history its version is above the backup's by SL_MEND_JUMP. `raise`: a list that is
 * there in a state which the backup's contains gets the backup's bytes; otherwise whatever is there stays. */
bool sl_direct_import(struct sl_direct *d, const char *pool, const struct sl_uuid *id,
                      const struct sl_direct_list *list, const char *backup, bool raise, enum sl_import *ret,
                      uint64_t *ret_version);
