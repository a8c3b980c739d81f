/* export: a pool out of Redis into a file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ctl/args.h"
#include "ctl/backup_file.h"
#include "ctl/ctl.h"
#include "ctl/progress.h"
#include "ctl/redis.h"
#include "ctl/show.h"

struct export
{
    struct sl_direct *redis;
    struct sl_backup file;
    struct sl_backup_pool pool;
    uint64_t lists, ended, status_bytes;
    uint64_t changes; /* in the pool, during the export */
};

static bool write_pool(struct export *x, const char *name)
{
    struct sl_direct_pool p;
    if (!sl_direct_pool(x->redis, name, &p))
        return sl_redis_failed(x->redis);
    if (!p.known) {
        sl_complain("this Redis has no pool \"%s\"", name);
        return false;
    }
    time_t now = time(NULL);
    struct tm utc;
    struct sl_uuid id = sl_uuid_v4(&sl_clock_system);
    x->pool = (struct sl_backup_pool){.size = p.size, .bits = p.bits, .change = p.change, .taken = p.taken};
    snprintf(x->pool.name, sizeof x->pool.name, "%s", name);
    sl_uuid_text(&id, x->pool.id);
    strftime(x->pool.made, sizeof x->pool.made, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    return sl_backup_write(&x->file, SL_BACKUP_POOL, sl_backup_pool_json(&x->pool), sl_span("", 0));
}

static bool copy_list(struct export *x, const struct sl_uuid *id)
{
    struct sl_direct_list l;
    bool gone;
    if (!sl_direct_list(x->redis, x->pool.name, id, &l, &gone))
        return sl_redis_failed(x->redis);
    if (gone)
        return true;
    if (sl_span_eq(l.state, SL_SPAN("retired"))) { /* it never comes again, out of a backup neither */
        x->ended++;
        return true;
    }
    x->lists++;
    x->status_bytes += l.bytes.len;
    return sl_backup_write(&x->file, SL_BACKUP_LIST, sl_backup_list_json(id, &l), l.bytes);
}

static bool copy_lists(struct export *x)
{
    struct sl_uuid *ids;
    size_t n, i = 0;
    struct sl_progress progress;
    if (!sl_direct_ids(x->redis, x->pool.name, &ids, &n))
        return sl_redis_failed(x->redis);
    sl_progress_begin(&progress, x->pool.name, "lists", n);
    for (; i < n && copy_list(x, &ids[i]); i++)
        sl_progress_at(&progress, i + 1);
    sl_progress_end(&progress);
    free(ids);
    return i == n;
}

static bool write_end(struct export *x)
{
    struct sl_direct_pool p;
    if (!sl_direct_pool(x->redis, x->pool.name, &p))
        return sl_redis_failed(x->redis);
    if (!p.known || p.change < x->pool.change) {
        sl_complain("Redis lost changes of the pool during the export: the backup is incomplete");
        return false;
    }
    x->changes = p.change - x->pool.change;
    json_t *end = json_pack("{s:I, s:I}", "lists", (json_int_t)x->lists, "change", (json_int_t)p.change);
    return sl_backup_write(&x->file, SL_BACKUP_END, end, sl_span("", 0)) && sl_backup_finish(&x->file);
}

static void show_export(const struct sl_ctl *c, const struct export *x)
{
    char sum[SL_BACKUP_CHECKSUM];
    sl_chain_text(&x->file.chain, sum);
    if (c->json) {
        sl_print_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "pool", x->pool.name, "backup",
                                x->pool.id, "made", x->pool.made, "lists", (json_int_t)x->lists,
                                "retiredLeftOut", (json_int_t)x->ended, "statusBytes",
                                (json_int_t)x->status_bytes, "changesMeanwhile", (json_int_t)x->changes,
                                "checksum", sum));
        return;
    }
    printf("%s: %" PRIu64 " lists, %" PRIu64 " bytes of statuses, checksum %s\n", x->pool.name, x->lists,
           x->status_bytes, sum);
    if (x->ended > 0)
        printf("%" PRIu64 " retired lists left out\n", x->ended);
    if (x->changes > 0)
        printf("%" PRIu64 " changes during the export: each list is consistent, the pool as a whole is not\n",
               x->changes);
    else
        printf("no change during the export: the backup is consistent\n");
}

int sl_run_export(const struct sl_ctl *c, struct sl_web *web)
{
    (void)web;
    int code;
    struct export x = {.lists = 0};
    if (!sl_pool_name_ok(c->words[0])) {
        sl_complain("POOL: \"%s\" is not valid; expected 1 to 64 of the characters a-z, 0-9, _ and -",
                    c->words[0]);
        return SL_EXIT_USAGE;
    }
    x.redis = sl_redis_of(c, false, &code);
    if (x.redis == NULL)
        return code;
    if (!sl_backup_create(&x.file, c->words[1])) {
        code = SL_EXIT_USAGE;
    } else if (write_pool(&x, c->words[0]) && copy_lists(&x) && write_end(&x)) {
        show_export(c, &x);
        code = SL_EXIT_OK;
    } else {
        code = x.file.failed ? SL_EXIT_OUTPUT : SL_EXIT_REFUSED;
    }
    sl_backup_close(&x.file);
    sl_direct_free(x.redis);
    return code;
}
