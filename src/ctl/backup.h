/* The file that `export` writes and `import` reads: a pool and its lists, streamed, so it may be larger than
 * memory. docs/backup.md has the format. Not threadsafe; a function that answers false has complained. */
#pragma once
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include "base/span.h"
#include "base/uuid.h"
#include "store/direct.h"
#include "token/digest.h"

#define SL_BACKUP_MAGIC "statuslist-backup 1\n"

enum sl_backup_kind { SL_BACKUP_POOL = 'P', SL_BACKUP_LIST = 'L', SL_BACKUP_END = 'E' };

/* Each record's checksum covers the one before, so the last covers the file. */
struct sl_backup {
    const char *path;
    FILE *file;
    char *temporary; /* writing: what becomes `path` */
    struct sl_hasher *hasher;
    uint8_t chain[SL_SHA256]; /* of the last record */
    char *record;             /* of the last record: what its checksum covers */
    size_t room;
    uint64_t bytes;
};

/* A new file beside `path`, mode 0600, which replaces it when sl_backup_finish has synced it. */
bool sl_backup_create(struct sl_backup *b, const char *path);
bool sl_backup_write(struct sl_backup *b, enum sl_backup_kind kind, json_t *head /* taken */,
                     struct sl_span body);
bool sl_backup_finish(struct sl_backup *b);

bool sl_backup_open(struct sl_backup *b, const char *path);
/* The next record, whole and with the right checksum, before anything of it is looked at. *ret_head is the
 * caller's; the body is valid until the next call. */
bool sl_backup_read(struct sl_backup *b, enum sl_backup_kind *ret_kind, json_t **ret_head,
                    struct sl_span *ret_body);
bool sl_backup_at_end(struct sl_backup *b); /* nothing follows the record of the end */

void sl_backup_close(struct sl_backup *b); /* takes away what was not finished */
void sl_backup_checksum(const struct sl_backup *b, char out[static 2 * SL_SHA256 + 1]);

/* --- what the records say --- */

struct sl_backup_pool {
    char name[65], id[SL_UUID_TEXT + 1], made[32];
    uint32_t size;
    uint8_t bits;
    uint64_t change, taken;
};
json_t *sl_backup_pool_json(const struct sl_backup_pool *p);
bool sl_backup_pool_of(const char *path, const json_t *head, struct sl_backup_pool *ret);
json_t *sl_backup_list_json(const struct sl_uuid *id, const struct sl_direct_list *l);
/* Spans point into head and body. */
bool sl_backup_list_of(const char *path, const struct sl_backup_pool *p, const json_t *head,
                       struct sl_span body, struct sl_uuid *ret_id, struct sl_direct_list *ret);

/* --- what both commands share --- */

struct sl_ctl;
bool sl_pool_name_ok(const char *name); /* [a-z0-9_-]{1,64} */
/* As the options name it; NULL after a complaint. */
struct sl_direct *sl_redis_of(const struct sl_ctl *c, bool writes, int *ret_exit);
/* A line of progress on stderr, now and then: on a terminal in place, otherwise every ten seconds. */
struct sl_progress {
    const char *what;
    uint64_t told_ns, total;
    bool terminal, shown;
};
void sl_progress_begin(struct sl_progress *p, const char *what, uint64_t total);
void sl_progress_at(struct sl_progress *p, uint64_t done);
void sl_progress_end(struct sl_progress *p);
