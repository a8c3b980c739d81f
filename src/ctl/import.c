/* import: the lists of a backup into Redis, sealed. The file is read whole and checked before Redis is
 * changed, and what Redis then has is read back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/backup_file.h"
#include "ctl/ctl.h"
#include "ctl/progress.h"
#include "ctl/redis.h"
#include "ctl/show.h"

struct import {
    const struct sl_ctl *c;
    const char *path;
    FILE *file;
    struct sl_direct *redis;
    struct sl_backup_pool pool;
    struct sl_uuid *ids; /* of the file's lists */
    size_t lists, room;
    uint64_t status_bytes;
    char checksum[SL_BACKUP_CHECKSUM];
    uint64_t done[SL_IMPORT_RETIRED + 1]; /* by outcome */
    uint64_t changed;                     /* by the service, before they were read back */
    struct sl_hasher *hasher;
    struct sl_progress progress;
};

/* Reads the whole file. The first time it says which pool it is of; it must stay the same file. */
static bool walk_file(struct import *x, sl_backup_each *each)
{
    char text[512];
    struct sl_buf why;
    struct sl_backup_contents contents;
    sl_buf_over(&why, text, sizeof text);
    bool again = x->checksum[0] != '\0';
    if (again && fseeko(x->file, 0, SEEK_SET) != 0) {
        sl_complain("%s: cannot be read twice, as import does; expected a regular file: %m", x->path);
        return false;
    }
    bool ok = sl_backup_walk(x->file, each, x, &why, &contents);
    if (why.len > 0)
        sl_complain("%s: %.*s", x->path, (int)why.len, why.data);
    if (ok && again && strcmp(contents.checksum, x->checksum) != 0) {
        sl_complain("%s: the file changed while it was read", x->path);
        return false;
    }
    if (ok) {
        x->pool = contents.pool;
        memcpy(x->checksum, contents.checksum, sizeof contents.checksum);
    }
    return ok;
}

static bool note_list(void *arg, const struct sl_backup_pool *p, const struct sl_uuid *id,
                      const struct sl_direct_list *l)
{
    struct import *x = arg;
    (void)p;
    if (x->lists == x->room) {
        x->room = x->room > 0 ? x->room * 2 : 1024;
        x->ids = realloc(x->ids, x->room * sizeof *x->ids);
        if (x->ids == NULL)
            abort();
    }
    x->ids[x->lists++] = *id;
    x->status_bytes += l->bytes.len;
    return true;
}

/* Whether Redis is fit for the lists; nothing is changed by then. */
static bool check_target(struct import *x)
{
    struct sl_direct_pool stored;
    uint64_t there = 0, version;
    if (!sl_direct_pool(x->redis, x->pool.name, &stored))
        return sl_redis_failed(x->redis);
    if (stored.known && (stored.size != x->pool.size || stored.bits != x->pool.bits)) {
        sl_complain("the pool %s has size %u and bits %u in Redis, but size %u and bits %u in the backup",
                    x->pool.name, stored.size, stored.bits, x->pool.size, x->pool.bits);
        return false;
    }
    for (size_t i = 0; i < x->lists && !x->c->merge && stored.lists > 0; i++) {
        bool is;
        struct sl_span backup;
        if (!sl_direct_look(x->redis, x->pool.name, &x->ids[i], &is, &version, &backup))
            return sl_redis_failed(x->redis);
        there += is && !sl_span_eq(backup, sl_span(x->pool.id, strlen(x->pool.id)));
    }
    if (there > 0)
        sl_complain(
            "%" PRIu64
            " of the %zu lists are in Redis already; nothing was changed. With --merge, import adds the "
            "missing ones and raises those that Redis has in an older version",
            there, x->lists);
    return there == 0;
}

static void hash_bytes(struct import *x, struct sl_span bytes, uint8_t out[static SL_SHA256])
{
    sl_sha256(x->hasher, bytes.at, bytes.len, out);
}

/* What Redis has now is what the backup has, unless the service has changed it since. */
static bool read_back(struct import *x, const struct sl_uuid *id, const struct sl_direct_list *l,
                      uint64_t version)
{
    struct sl_direct_list now;
    bool gone;
    uint8_t wanted[SL_SHA256], found[SL_SHA256];
    if (!sl_direct_list(x->redis, x->pool.name, id, &now, &gone))
        return sl_redis_failed(x->redis);
    if (!gone && now.version > version) {
        x->changed++;
        return true;
    }
    hash_bytes(x, l->bytes, wanted);
    hash_bytes(x, gone ? sl_span("", 0) : now.bytes, found);
    if (!gone && now.version == version && memcmp(wanted, found, SL_SHA256) == 0 &&
        sl_span_eq(now.uri, l->uri) && sl_span_eq(now.at, l->at) && now.size == l->size &&
        now.bits == l->bits && sl_span_eq(now.state, SL_SPAN("sealed")))
        return true;
    sl_complain("%.*s: the list in Redis differs from the one in the backup", (int)l->uri.len, l->uri.at);
    return false;
}

static bool put_list(void *arg, const struct sl_backup_pool *p, const struct sl_uuid *id,
                     const struct sl_direct_list *l)
{
    struct import *x = arg;
    enum sl_import what;
    uint64_t version, total = 0;
    if (strcmp(p->name, x->pool.name) != 0 || strcmp(p->id, x->pool.id) != 0 || p->size != x->pool.size ||
        p->bits != x->pool.bits) {
        sl_complain("%s: the file changed while it was read", x->path);
        return false;
    }
    if (!sl_direct_import(x->redis, x->pool.name, id, l, x->pool.id, x->c->merge, &what, &version))
        return sl_redis_failed(x->redis);
    x->done[what]++;
    if (what == SL_IMPORT_THERE || what == SL_IMPORT_SHAPE) {
        sl_complain("%.*s: %s", (int)l->uri.len, l->uri.at,
                    what == SL_IMPORT_THERE ? "another process created the list in Redis during the import"
                                            : "Redis has a list with this id, but another size, bits or URI");
        return false;
    }
    if (what == SL_IMPORT_AGAIN && version != l->version + (l->at.len > 0 ? 0 : SL_MEND_JUMP))
        x->changed++;
    else if (what != SL_IMPORT_NEWER && what != SL_IMPORT_RETIRED && !read_back(x, id, l, version))
        return false;
    for (int i = 0; i <= SL_IMPORT_RETIRED; i++)
        total += x->done[i];
    sl_progress_at(&x->progress, total);
    return true;
}

static void show_import(const struct import *x)
{
    const uint64_t *n = x->done;
    bool wrote = x->redis != NULL;
    if (x->c->json) {
        json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "pool", x->pool.name, "backup", x->pool.id,
                              "made", x->pool.made, "lists", (json_int_t)x->lists, "statusBytes",
                              (json_int_t)x->status_bytes, "checksum", x->checksum);
        if (wrote)
            json_object_set_new(
                j, "imported",
                json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "made", (json_int_t)n[SL_IMPORT_MADE], "raised",
                          (json_int_t)n[SL_IMPORT_RAISED], "kept", (json_int_t)n[SL_IMPORT_NEWER], "again",
                          (json_int_t)n[SL_IMPORT_AGAIN], "retired", (json_int_t)n[SL_IMPORT_RETIRED],
                          "changedSince", (json_int_t)x->changed));
        sl_print_json(j);
        return;
    }
    printf("%s: %zu lists, %" PRIu64 " bytes of statuses, made %s, checksum %s\n", x->pool.name, x->lists,
           x->status_bytes, x->pool.made, x->checksum);
    if (!wrote)
        return;
    printf("%" PRIu64 " created, %" PRIu64 " raised, %" PRIu64 " imported before, %" PRIu64
           " kept because Redis has the same version, a newer one, or changes of its own\n",
           n[SL_IMPORT_MADE], n[SL_IMPORT_RAISED], n[SL_IMPORT_AGAIN], n[SL_IMPORT_NEWER]);
    if (n[SL_IMPORT_RETIRED] > 0)
        printf("%" PRIu64 " retired lists left out\n", n[SL_IMPORT_RETIRED]);
    if (x->changed > 0)
        printf("read back and compared, except %" PRIu64 " that the service changed in between\n",
               x->changed);
    else
        printf("read back and compared\n");
}

/* An exit status. */
static int put_back(struct import *x)
{
    if (!check_target(x))
        return SL_EXIT_REFUSED;
    if (!sl_direct_open_pool(x->redis, x->pool.name, x->pool.size, x->pool.bits)) {
        sl_redis_failed(x->redis);
        return SL_EXIT_REFUSED;
    }
    sl_progress_begin(&x->progress, x->pool.name, "lists", x->lists);
    bool ok = walk_file(x, put_list);
    sl_progress_end(&x->progress);
    if (!ok) {
        sl_complain("the import is incomplete; run it again to continue where it stopped");
        return SL_EXIT_REFUSED;
    }
    if (!sl_direct_appends(x->redis))
        sl_complain(
            "warning: this Redis has no append-only file; run SAVE in it to put the imported lists on disk");
    return SL_EXIT_OK;
}

int sl_run_import(const struct sl_ctl *c, struct sl_web *web)
{
    (void)web;
    struct import x = {
        .c = c, .path = c->words[0], .file = fopen(c->words[0], "rbe"), .hasher = sl_hasher_new()};
    int code = SL_EXIT_USAGE;
    if (x.file == NULL)
        sl_complain("%s: %m", x.path);
    else if (walk_file(&x, note_list))
        code = SL_EXIT_OK;
    if (code == SL_EXIT_OK && !c->check) {
        x.redis = sl_redis_of(c, true, &code);
        code = x.redis != NULL ? put_back(&x) : code;
    }
    if (code == SL_EXIT_OK)
        show_import(&x);
    if (x.file != NULL)
        fclose(x.file);
    sl_direct_free(x.redis);
    sl_hasher_free(x.hasher);
    free(x.ids);
    return code;
}
