/* A record: kind (1 byte), lengths of head and body (uint32 each, little-endian), head (JSON), body (bytes),
 * SHA-256 over the checksum of the record before and all of this one. The first stands on the checksum of the
 * magic line. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/backup.h"
#include "ctl/ctl.h"

#define FRAME 9
#define HEAD_MAX (64u * 1024)
#define BODY_MAX (100u * 1000 * 1000) /* a list of a hundred million entries of 8 bits */

static void begin(struct sl_backup *b, const char *path)
{
    *b = (struct sl_backup){.path = path, .hasher = sl_hasher_new()};
    sl_sha256(b->hasher, SL_BACKUP_MAGIC, sizeof SL_BACKUP_MAGIC - 1, b->chain);
}

/* Room for the chain and a record of so many bytes. */
static bool make_room(struct sl_backup *b, size_t n)
{
    if (n + SL_SHA256 <= b->room)
        return true;
    char *more = realloc(b->record, n + SL_SHA256);
    if (more == NULL) {
        sl_complain("%s: no memory for a record of %zu bytes", b->path, n);
        return false;
    }
    b->record = more;
    b->room = n + SL_SHA256;
    return true;
}

static void put32(char *at, size_t v)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (char)(uint8_t)(v >> 8 * i);
}

static size_t get32(const char *at)
{
    size_t v = 0;
    for (unsigned i = 0; i < 4; i++)
        v |= (size_t)(uint8_t)at[i] << 8 * i;
    return v;
}

/* The next link of the chain: over the last one and a record of n bytes. */
static void chain(struct sl_backup *b, size_t n, uint8_t out[static SL_SHA256])
{
    memcpy(b->record, b->chain, SL_SHA256);
    sl_sha256(b->hasher, b->record, SL_SHA256 + n, out);
}

/* --- writing --- */

static bool put(struct sl_backup *b, const void *bytes, size_t n)
{
    if (fwrite(bytes, 1, n, b->file) == n) {
        b->bytes += n;
        return true;
    }
    sl_complain("%s: %m", b->temporary);
    return false;
}

bool sl_backup_create(struct sl_backup *b, const char *path)
{
    begin(b, path);
    if (asprintf(&b->temporary, "%s.XXXXXX", path) < 0)
        abort();
    int fd = mkstemp(b->temporary); /* mode 0600 */
    b->file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (b->file == NULL) {
        sl_complain("%s: %m", b->temporary);
        free(b->temporary);
        b->temporary = NULL;
        return false;
    }
    return put(b, SL_BACKUP_MAGIC, sizeof SL_BACKUP_MAGIC - 1);
}

bool sl_backup_write(struct sl_backup *b, enum sl_backup_kind kind, json_t *head, struct sl_span body)
{
    char *text = head != NULL ? json_dumps(head, JSON_COMPACT) : NULL;
    json_decref(head);
    size_t len = text != NULL ? strlen(text) : 0, n = FRAME + len + body.len;
    bool ok = text != NULL && len <= HEAD_MAX && body.len <= BODY_MAX;
    if (!ok)
        sl_complain("%s: a list that does not fit a record", b->path);
    ok = ok && make_room(b, n);
    if (ok) {
        char *at = b->record + SL_SHA256;
        at[0] = (char)kind;
        put32(at + 1, len);
        put32(at + 5, body.len);
        memcpy(at + FRAME, text, len);
        if (body.len > 0)
            memcpy(at + FRAME + len, body.at, body.len);
        chain(b, n, b->chain);
        ok = put(b, at, n) && put(b, b->chain, SL_SHA256);
    }
    free(text);
    return ok;
}

static bool sync_directory(const char *path)
{
    char *copy = strdup(path);
    int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    free(copy);
    return ok;
}

bool sl_backup_finish(struct sl_backup *b)
{
    if (fflush(b->file) != 0 || fsync(fileno(b->file)) != 0 || rename(b->temporary, b->path) != 0) {
        sl_complain("%s: %m", b->temporary);
        return false;
    }
    free(b->temporary);
    b->temporary = NULL;
    if (!sync_directory(b->path)) {
        sl_complain("%s: its directory was not synced: %m", b->path);
        return false;
    }
    return true;
}

void sl_backup_close(struct sl_backup *b)
{
    if (b->file != NULL)
        fclose(b->file);
    if (b->temporary != NULL)
        unlink(b->temporary);
    free(b->temporary);
    free(b->record);
    sl_hasher_free(b->hasher);
    *b = (struct sl_backup){.file = NULL};
}

/* --- reading --- */

static bool get(struct sl_backup *b, char *out, size_t n)
{
    if (fread(out, 1, n, b->file) == n) {
        b->bytes += n;
        return true;
    }
    if (ferror(b->file))
        sl_complain("%s: %m", b->path);
    else
        sl_complain("%s: it is cut off after %llu bytes", b->path, (unsigned long long)b->bytes);
    return false;
}

bool sl_backup_open(struct sl_backup *b, const char *path)
{
    char magic[sizeof SL_BACKUP_MAGIC - 1];
    begin(b, path);
    b->file = fopen(path, "rb");
    if (b->file == NULL) {
        sl_complain("%s: %m", path);
        return false;
    }
    if (fread(magic, 1, sizeof magic, b->file) != sizeof magic ||
        memcmp(magic, SL_BACKUP_MAGIC, sizeof magic) != 0) {
        sl_complain("%s: no backup of this version; it would begin with \"%.19s\"", path, SL_BACKUP_MAGIC);
        return false;
    }
    b->bytes = sizeof magic;
    return true;
}

bool sl_backup_read(struct sl_backup *b, enum sl_backup_kind *ret_kind, json_t **ret_head,
                    struct sl_span *ret_body)
{
    char frame[FRAME];
    uint8_t said[SL_SHA256], found[SL_SHA256];
    uint64_t began = b->bytes;
    if (!get(b, frame, FRAME))
        return false;
    size_t len = get32(frame + 1), body = get32(frame + 5), n = FRAME + len + body;
    if (len > HEAD_MAX || body > BODY_MAX) {
        sl_complain("%s: no record at byte %llu: the file is damaged", b->path, (unsigned long long)began);
        return false;
    }
    if (!make_room(b, n))
        return false;
    char *at = b->record + SL_SHA256;
    memcpy(at, frame, FRAME);
    if (!get(b, at + FRAME, n - FRAME) || !get(b, (char *)said, SL_SHA256))
        return false;
    chain(b, n, found);
    json_error_t e;
    json_t *head = NULL;
    if (memcmp(said, found, SL_SHA256) == 0)
        head = json_loadb(at + FRAME, len, JSON_REJECT_DUPLICATES, &e);
    if (head == NULL) {
        sl_complain("%s: the checksum of the record at byte %llu is wrong: the file is damaged", b->path,
                    (unsigned long long)began);
        return false;
    }
    memcpy(b->chain, found, SL_SHA256);
    *ret_kind = (enum sl_backup_kind)(uint8_t)frame[0];
    *ret_head = head;
    *ret_body = sl_span(at + FRAME + len, body);
    return true;
}

bool sl_backup_at_end(struct sl_backup *b)
{
    if (getc(b->file) == EOF && !ferror(b->file))
        return true;
    sl_complain("%s: something follows its end: the file is damaged", b->path);
    return false;
}

void sl_backup_checksum(const struct sl_backup *b, char out[static 2 * SL_SHA256 + 1])
{
    for (unsigned i = 0; i < SL_SHA256; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", b->chain[i]);
}
