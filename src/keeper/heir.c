/* A process that ends, however it ends, leaves its lists and positions in the hand-over file. The next one on
 * the same boot has consumed that file before it spoke to Redis (store/handover.h). Once a pool is synced, it
 * asks Redis to make those lists its own, before it takes or makes any: Redis agrees only where the list
 * still belongs to the process before. What that one gave back in order comes with the answer, and is handed
 * out first. */
#include "keeper/heir.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

#define NAMED_MAX 100 /* lists in one call: bounds the time that it holds up Redis */

static const struct sl_handed *left_list(const struct sl_kpool *p, uint32_t i)
{
    return sl_handover_at(p->keeper->setup.handover, p->heir.slots[i]);
}

static void add_slot(struct sl_kpool *p, uint32_t slot)
{
    p->heir.slots = sl_xrealloc(p->heir.slots, (p->heir.count + 1) * sizeof *p->heir.slots);
    p->heir.slots[p->heir.count++] = slot;
}

void sl_keeper_heirs_init(struct sl_keeper *k)
{
    struct sl_handover *handover = k->setup.handover;
    uint32_t strange = 0;
    for (uint32_t slot = 0, n = sl_handover_slots(handover); slot < n; slot++) {
        const char *name = sl_handover_at(handover, slot)->pool;
        const struct sl_pool *pool = sl_pool_named(k->shared, sl_span(name, strlen(name)));
        if (pool != NULL) {
            add_slot(&k->pools[pool->number], slot);
            continue;
        }
        sl_handover_drop(handover, slot);
        strange++;
    }
    if (strange > 0)
        sl_log(SL_WARN, "runtime-directory",
               "the process before owned lists of pools that are not configured: they are given up",
               SL_KU("lists", strange));
}

void sl_keeper_heir_free(struct sl_kpool *p)
{
    free(p->heir.slots);
}

/* The lists that one question names: of one run, the first. */
static uint32_t name_left(const struct sl_kpool *p, struct sl_position *out)
{
    uint32_t n = 0;
    const char *run = left_list(p, 0)->run;
    while (n < p->heir.count && n < NAMED_MAX && strcmp(left_list(p, n)->run, run) == 0) {
        out[n] = (struct sl_position){left_list(p, n)->list, left_list(p, n)->position};
        n++;
    }
    return n;
}

static const struct sl_block *find_block(const struct sl_inherited *inherited, const struct sl_uuid *id)
{
    for (uint32_t i = 0; i < inherited->block_count; i++)
        if (memcmp(&inherited->blocks[i].list.id, id, sizeof *id) == 0)
            return &inherited->blocks[i];
    return NULL;
}

/* Takes the list over; reports how many references came with it. */
static uint32_t take_over(struct sl_kpool *p, const struct sl_block *block, uint32_t slot)
{
    struct sl_klist *t = sl_keeper_learn(p, &block->list);
    if (t == NULL) {
        sl_handover_drop(p->keeper->setup.handover, slot);
        return 0;
    }
    sl_metric_add(p->metrics, SL_KM_INHERITED, 1);
    sl_keeper_own(t, block->from, slot);
    if (block->returned_count == 0 || p->heir.drops != sl_keeper_drops(p))
        return 0;
    struct sl_segment *segment = sl_segment_new(t, block->returned_count);
    for (uint32_t i = 0; i < block->returned_count; i++)
        segment->slots[i] = sl_ring_slot(t->list.number, block->returned[i]);
    sl_keeper_stock_append(p, segment);
    return block->returned_count;
}

static void on_inherited(void *arg, enum sl_err err, const struct sl_inherited *inherited)
{
    struct sl_kpool *p = arg;
    struct sl_position named[NAMED_MAX];
    p->heir.asking = false;
    if (err != SL_OK) {
        p->keeper->hooks.owns(p, false);
        return;
    }
    uint32_t n = name_left(p, named), references = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct sl_block *block = find_block(inherited, &named[i].list);
        if (block != NULL)
            references += take_over(p, block, p->heir.slots[i]);
        else
            sl_handover_drop(p->keeper->setup.handover, p->heir.slots[i]);
    }
    p->heir.count -= n;
    memmove(p->heir.slots, p->heir.slots + n, p->heir.count * sizeof *p->heir.slots);
    sl_log(SL_INFO, "pool", "took over lists of the process before", SL_KS("pool", p->shared->name),
           SL_KU("lists", inherited->block_count), SL_KU("left", n), SL_KU("references", references));
    p->keeper->hooks.owns(p, true);
}

bool sl_keeper_inherit(struct sl_kpool *p)
{
    struct sl_position named[NAMED_MAX];
    if (p->heir.count == 0)
        return true;
    if (p->heir.asking)
        return false;
    uint32_t n = name_left(p, named);
    sl_keeper_begin_lease(p);
    p->heir.drops = sl_keeper_drops(p);
    p->heir.asking = sl_store_inherit(p->keeper->store, p->shared->name, left_list(p, 0)->run, named, n,
                                      on_inherited, p) == SL_OK;
    if (!p->heir.asking)
        p->keeper->hooks.owns(p, false);
    return false;
}

bool sl_keeper_is_inheriting(const struct sl_kpool *p)
{
    return p->heir.asking;
}
