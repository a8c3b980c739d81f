/* Knowing what Redis has: opening pools after each connect, reading changes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "keeper/keeper_int.h"

#define PAGE 1000 /* lists per reading of changes */

void sl_keeper_synced(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    p->state = POOL_SYNCED;
    if (!p->started) {
        p->started = true;
        sl_log(SL_INFO, "pool", "pool is open", SL_KS("pool", p->shared->name), SL_KU("lists", p->lists));
    }
    sl_keeper_update_authority(k);
    sl_keeper_precreate(p);
    sl_keeper_refill(p);
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        if (!k->pools[i].started)
            return;
    if (!k->started) {
        k->started = true;
        sl_keeper_answer_early(k, SL_OK);
        k->setup.on_started(k->setup.arg);
    }
    sl_keeper_confirm(k);
}

/* Redis may have lost something: all lists are read again and compared. */
static void check(struct sl_kpool *p)
{
    p->checking = true;
    p->since = p->newest = 0;
    p->reading++;
}

/* And perhaps whole lists: references to those must not be given out. */
static void forget(struct sl_kpool *p)
{
    sl_keeper_forget(p);
    check(p);
}

static void on_changes(void *arg, enum sl_err err, const struct sl_changes *r)
{
    struct sl_kpool *p = arg;
    p->sweeping = false;
    if (err != SL_OK)
        return; /* the next sweep, or the next connect, reads again */
    if (r->newest < p->since || r->newest < p->newest) {
        /* Numbers that we have seen are gone: read everything again, and see what each list has lost. */
        sl_log(SL_ERROR, "pool", "redis has lost changes of a pool", SL_KS("pool", p->shared->name),
               SL_KU("newest", r->newest), SL_KU("seen", p->since > p->newest ? p->since : p->newest));
        forget(p);
        sl_keeper_open(p);
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        sl_keeper_learn(p, &r->lists[i]);
        p->since = r->lists[i].change;
    }
    if (r->count == PAGE || p->sweep_again) {
        sl_keeper_sweep(p);
    } else {
        p->since = r->newest;
        if (p->state == POOL_LISTING && p->checking)
            sl_keeper_mend_start(p);
        else if (p->state == POOL_LISTING)
            sl_keeper_synced(p);
    }
    sl_keeper_pump(p->keeper);
}

void sl_keeper_sweep(struct sl_kpool *p)
{
    if (p->state < POOL_LISTING)
        return;
    if (p->sweeping) {
        p->sweep_again = true;
        return;
    }
    p->sweep_again = false;
    p->sweeping = sl_store_changes(p->keeper->store, p->shared->name, p->since, PAGE, on_changes, p) == SL_OK;
}

static void list_pool(struct sl_kpool *p)
{
    p->state = POOL_LISTING;
    if (p->checking)
        check(p); /* anew, if it was cut short */
    sl_keeper_sweep(p);
}

/* Redis was restarted, restored or failed over, and may know less than it told us: whole lists may be gone.
 */
static void forget_epoch(struct sl_kpool *p)
{
    sl_log(SL_WARN, "pool", "redis may have lost data: references that were ready are dropped",
           SL_KS("pool", p->shared->name));
    forget(p);
}

static bool is_new_epoch(struct sl_kpool *p, struct sl_span replid)
{
    size_t n = strlen(p->replid);
    bool other = n > 0 && replid.len > 0 && !sl_span_eq(replid, sl_span(p->replid, n));
    if (replid.len > 0 && replid.len <= SL_REPLID_MAX) {
        memcpy(p->replid, replid.at, replid.len);
        p->replid[replid.len] = '\0';
    }
    return other;
}

static void on_adopted(void *arg, enum sl_err err, int64_t adopted)
{
    struct sl_kpool *p = arg;
    if (err != SL_OK) {
        p->state = POOL_CLOSED;
        return;
    }
    if (adopted < 0) {
        sl_log(SL_ERROR, "pool", "the embedded redis is behind what was taken: open lists will be sealed",
               SL_KS("pool", p->shared->name), SL_KU("mark", p->mark));
        forget_epoch(p);
    } else {
        sl_metric_add(p->metrics, SL_KM_ADOPTED, (uint64_t)adopted);
    }
    list_pool(p);
}

static void fatal(struct sl_keeper *k, const char *why)
{
    if (!k->started)
        k->setup.on_fatal(k->setup.arg, why);
    else
        sl_log(SL_ERROR, "pool", why);
}

static void on_opened(void *arg, enum sl_err err, const struct sl_pool_opened *r)
{
    struct sl_kpool *p = arg;
    if (err != SL_OK) {
        p->state = POOL_CLOSED; /* while the connection lasts the next sweep tries again */
        return;
    }
    if (r->size != p->options->size || r->bits != p->options->bits) {
        char why[256];
        snprintf(why, sizeof why,
                 "pool %s has %llu lists of size %u and bits %u in Redis; the configuration says size %u and "
                 "bits %u. "
                 "A live pool cannot change them: use a new pool name",
                 p->shared->name, (unsigned long long)r->lists, r->size, r->bits, p->options->size,
                 p->options->bits);
        fatal(p->keeper, why);
        return;
    }
    bool embedded = p->keeper->setup.redis->mode == SL_REDIS_EMBEDDED, other = is_new_epoch(p, r->replid);
    if (embedded && r->foreign > 0 && p->mark_known) {
        if (other)
            check(p);
        p->state = POOL_ADOPTING;
        if (sl_store_adopt(p->keeper->store, p->shared->name, p->mark, on_adopted, p) == SL_OK)
            return;
    }
    if (other)
        forget_epoch(p);
    list_pool(p);
}

static void on_names(void *arg, enum sl_err err, const struct sl_span *names, size_t n)
{
    struct sl_keeper *k = arg;
    if (err != SL_OK)
        return;
    k->names_checked = true;
    for (size_t i = 0; i < n; i++) {
        if (sl_pool_named(k->shared, names[i]) == NULL)
            sl_log(SL_WARN, "pool", "a pool in Redis is not in the configuration: its lists are not served",
                   SL_KN("pool", names[i].at, names[i].len));
    }
}

void sl_keeper_open(struct sl_kpool *p)
{
    if (!p->agreed) {
        sl_keeper_agree(p);
        return;
    }
    p->state = POOL_OPENING;
    if (sl_store_open_pool(p->keeper->store, p->shared->name, p->options->size, p->options->bits, on_opened,
                           p) != SL_OK)
        p->state = POOL_CLOSED;
}

void sl_keeper_store_up(struct sl_keeper *k)
{
    sl_keeper_confirm_opening(k);
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        sl_keeper_open(&k->pools[i]);
    if (!k->names_checked && sl_store_pool_names(k->store, on_names, k) != SL_OK)
        sl_log(SL_WARN, "pool", "pool names were not read");
    sl_keeper_pump(k);
}

void sl_keeper_store_down(struct sl_keeper *k)
{
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        k->pools[i].state = POOL_CLOSED;
    for (uint32_t i = 0; i < sl_table_count(k->shared->table); i++)
        sl_keeper_answer_cold(sl_keeper_list(k, i), SL_ERR_UNAVAILABLE);
}

void sl_keeper_update_authority(struct sl_keeper *k)
{
    bool all = sl_feed_state(k->feed) == SL_STORE_UP;
    for (unsigned i = 0; i < k->shared->pool_count; i++)
        all = all && k->pools[i].started;
    atomic_store_explicit(&k->shared->authoritative, all, memory_order_release);
}
