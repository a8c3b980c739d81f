/* What `export` and `import` share besides the bytes of a backup (ctl/backup_format.h): writing the file,
 * as a stream, so it may be larger than memory. Not threadsafe; a function that answers false has
 * complained. */
#pragma once
#include "ctl/backup_format.h"

struct sl_backup {
    const char *path;
    FILE *file;
    char *temporary; /* what becomes `path` */
    bool failed;     /* the file, and not what is to be written into it */
    struct sl_backup_chain chain;
};

/* A new file beside `path`, mode 0600, which replaces it when sl_backup_finish has synced it. `path` must be
 * free or a plain file: a device, a pipe, a folder or a link is no place for a backup. A signal that ends the
 * process takes the new file away. One at a time. */
bool sl_backup_create(struct sl_backup *b, const char *path);
/* Takes over the caller's share of `head`. */
bool sl_backup_write(struct sl_backup *b, enum sl_backup_kind kind, json_t *head, struct sl_span body);
bool sl_backup_finish(struct sl_backup *b);
void sl_backup_close(struct sl_backup *b); /* takes away what was not finished */
