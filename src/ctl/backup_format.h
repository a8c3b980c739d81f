/* The bytes of a backup, which an attacker may have written: a reader bounds and checks each record, and the
 * order of records, before it uses them. Neither Redis nor the terminal is touched: a function that answers
 * false has put a phrase into its `why`. docs/backup.md has the format. One thread. */
#pragma once
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"
#include "store/direct.h"
#include "token/digest.h"

#define SL_BACKUP_MAGIC "statuslist-backup 2\n"
#define SL_BACKUP_MAGIC_1 "statuslist-backup 1\n" /* read, and not written: its lists have no history */
#define SL_BACKUP_FRAME 9                         /* kind, length of the head, length of the body */
#define SL_BACKUP_HEAD_MAX (64u * 1024)
#define SL_BACKUP_BODY_MAX (100u * 1000 * 1000) /* a list of a hundred million entries of 8 bits */
#define SL_BACKUP_CHECKSUM (2 * SL_SHA256 + 1)  /* as text */

enum sl_backup_kind { SL_BACKUP_POOL = 'P', SL_BACKUP_LIST = 'L', SL_BACKUP_END = 'E' };

/* --- what holds records together --- */

/* Each record's checksum covers the one before, so the last covers the file. */
struct sl_backup_chain {
    struct sl_hasher *hasher;
    uint8_t sum[SL_SHA256]; /* of the last record; at first of the magic line, of either version */
    char *covered;          /* what a checksum covers: the one before, and the record */
    size_t room;            /* for the record */
};
void sl_chain_begin(struct sl_backup_chain *chain, const char *magic);
void sl_chain_free(struct sl_backup_chain *chain);
/* Where a record of n bytes is put together; moves, and keeps what was there. NULL: no memory. */
char *sl_chain_room(struct sl_backup_chain *chain, size_t n);
/* The checksum of the record of n bytes that lies there. */
void sl_chain_sum(struct sl_backup_chain *chain, size_t n, uint8_t out[static SL_SHA256]);
void sl_chain_text(const struct sl_backup_chain *chain, char out[static SL_BACKUP_CHECKSUM]);

/* --- heads of records --- */

struct sl_backup_pool {
    char name[65], id[SL_UUID_TEXT + 1], made[32];
    uint32_t size;
    uint8_t bits;
    uint64_t change, taken;
};
bool sl_pool_name_ok(const char *name); /* [a-z0-9_-]{1,64} */
json_t *sl_backup_pool_json(const struct sl_backup_pool *p);
SL_CHECKED bool sl_backup_pool_of(const json_t *head, struct sl_buf *why, struct sl_backup_pool *ret);
json_t *sl_backup_list_json(const struct sl_uuid *id, const struct sl_direct_list *l);
/* Spans point into head and body. */
SL_CHECKED bool sl_backup_list_of(const struct sl_backup_pool *p, const json_t *head, struct sl_span body,
                                  struct sl_buf *why, struct sl_uuid *ret_id, struct sl_direct_list *ret);

/* --- a whole file --- */

struct sl_backup_contents {
    struct sl_backup_pool pool;
    uint64_t lists;
    char checksum[SL_BACKUP_CHECKSUM];
};
/* A list of the pool; what it points to is valid during the call. False ends the reading (and says why
 * elsewhere). */
typedef bool sl_backup_each(void *arg, const struct sl_backup_pool *p, const struct sl_uuid *id,
                            const struct sl_direct_list *l);
/* From the file's position to its end, each list to `each` (ids ascend, none comes twice) as soon as its own
 * checksum was right: only the answer says that the file is whole. Memory: at most twice what the largest
 * record really has, whatever its length claims. */
SL_CHECKED bool sl_backup_walk(FILE *file, sl_backup_each *each, void *arg, struct sl_buf *why,
                               struct sl_backup_contents *ret);
