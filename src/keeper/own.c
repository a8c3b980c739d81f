/* A list has one owner, the process that made it, and the owner remembers what it has taken. So nothing that
 * happens to Redis, which may forget a take, or come back as it was yesterday, makes this process take an
 * index twice; and no other process takes from the list.
 *
 * No reference of a list is handed out before the list itself is as durable as references are to be. With
 * `append-fsync-always` that is the reply which says that it was made; where replicas must confirm, that
 * reply comes after theirs; with `append-fsync-everysec` it is two seconds after the reply, by our own clock:
 * Redis' may step. */
#include "keeper/own.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

#define MAKE_MAX 100 /* lists in one call: bounds the time that it holds up Redis */
#define EVERYSEC_NS (2 * SL_NS_PER_S)
#define NO_ROOM_NS (10 * SL_NS_PER_S)

static uint32_t left_of(const struct sl_owned *owned)
{
    return owned->list->list.size - owned->position;
}

static struct sl_owned *find_owned(struct sl_kpool *p, const struct sl_uuid *id)
{
    for (uint32_t i = 0; i < p->own.count; i++)
        if (memcmp(&p->own.lists[i].list->list.id, id, sizeof *id) == 0)
            return &p->own.lists[i];
    return NULL;
}

static void remove_owned(struct sl_kpool *p, struct sl_owned *owned)
{
    struct sl_owned *end = p->own.lists + p->own.count--;
    sl_handover_drop(p->keeper->setup.handover, owned->slot);
    memmove(owned, owned + 1, (size_t)(end - owned - 1) * sizeof *owned);
}

/* Tells an heir. False: the file says less than what is so. */
static bool put_position(struct sl_klist *t, uint32_t position, uint32_t *slot)
{
    const struct sl_keeper *k = t->pool->keeper;
    struct sl_handed handed = {.list = t->list.id, .position = position};
    snprintf(handed.pool, sizeof handed.pool, "%s", t->pool->shared->name);
    memcpy(handed.run, k->setup.identity->run, sizeof handed.run);
    return sl_handover_put(k->setup.handover, slot, &handed);
}

void sl_keeper_own(struct sl_klist *t, uint32_t position, uint32_t slot)
{
    struct sl_kpool *p = t->pool;
    struct sl_ownership *own = &p->own;
    if (find_owned(p, &t->list.id) != NULL)
        return;
    if (position >= t->list.size || !put_position(t, position, &slot)) {
        sl_handover_drop(p->keeper->setup.handover, slot);
        return;
    }
    if (own->count == own->room) {
        own->room = own->room > 0 ? own->room * 2 : 4;
        own->lists = sl_xrealloc(own->lists, own->room * sizeof *own->lists);
    }
    bool fresh = position == 0 && p->keeper->setup.redis->persistence == SL_PERSIST_EVERYSEC;
    own->lists[own->count++] =
        (struct sl_owned){.list = t,
                          .position = position,
                          .ready_ns = sl_mono_ns(p->keeper->clock) + (fresh ? EVERYSEC_NS : 0),
                          .slot = slot};
}

uint32_t sl_keeper_name_lists(const struct sl_kpool *p, uint64_t want, uint32_t max, struct sl_position *out)
{
    uint64_t now = sl_mono_ns(p->keeper->clock), have = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->own.count && n < max && have < want; i++) {
        const struct sl_owned *owned = &p->own.lists[i];
        if (owned->ready_ns > now)
            continue;
        out[n++] = (struct sl_position){owned->list->list.id, owned->position};
        have += left_of(owned);
    }
    return n;
}

bool sl_keeper_note_taken(struct sl_klist *t, uint32_t from, uint32_t count)
{
    struct sl_owned *owned = find_owned(t->pool, &t->list.id);
    if (owned == NULL || from < owned->position) {
        sl_log(SL_ERROR, "pool", "redis gave indices that were taken before: they are not used",
               SL_KS("pool", t->pool->shared->name), SL_KN("list", t->list.uri.at, t->list.uri.len));
        return false;
    }
    owned->position = from + count;
    if (!put_position(t, owned->position, &owned->slot))
        return false;
    if (left_of(owned) == 0)
        remove_owned(t->pool, owned);
    return true;
}

void sl_keeper_disown(struct sl_kpool *p, const struct sl_uuid *id)
{
    struct sl_owned *owned = find_owned(p, id);
    if (owned != NULL)
        remove_owned(p, owned);
}

struct sl_position sl_keeper_position(struct sl_klist *t)
{
    const struct sl_owned *owned = find_owned(t->pool, &t->list.id);
    return (struct sl_position){t->list.id, owned != NULL ? owned->position : t->list.size};
}

void sl_keeper_leave_list(struct sl_klist *t)
{
    uint32_t slot = SL_HANDOVER_NONE;
    if (find_owned(t->pool, &t->list.id) == NULL)
        (void)put_position(t, t->list.size, &slot);
}

uint32_t sl_keeper_owned(const struct sl_kpool *p)
{
    return p->own.count;
}

uint32_t sl_keeper_spares(const struct sl_kpool *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->own.count; i++)
        n += p->own.lists[i].position == 0;
    return n;
}

/* ---- making lists */

/* How many lists lack when `want` more indices are taken. */
static uint32_t lists_missing(const struct sl_kpool *p, uint64_t want)
{
    uint32_t spares = 0, wanted = p->options->precreation_lists;
    for (uint32_t i = 0; i < p->own.count; i++) {
        uint32_t left = left_of(&p->own.lists[i]);
        spares += want == 0 && p->own.lists[i].position == 0;
        want -= want < left ? want : left;
    }
    uint64_t n = (want + p->options->size - 1) / p->options->size + (wanted > spares ? wanted - spares : 0);
    return n < MAKE_MAX ? (uint32_t)n : MAKE_MAX;
}

static void make_drafts(struct sl_kpool *p, uint32_t n)
{
    struct sl_ownership *own = &p->own;
    own->drafts = sl_xcalloc(n, sizeof *own->drafts);
    own->draft_texts = sl_xcalloc(n, SL_URI_ROOM);
    own->draft_count = n;
    for (uint32_t i = 0; i < n; i++)
        sl_keeper_draft(p->keeper, &own->drafts[i], own->draft_texts + i * SL_URI_ROOM, SL_URI_ROOM);
}

static void free_drafts(struct sl_kpool *p)
{
    free(p->own.drafts);
    free(p->own.draft_texts);
    p->own.drafts = NULL;
    p->own.draft_texts = NULL;
    p->own.draft_count = 0;
}

static void on_made(void *arg, enum sl_err err, const struct sl_list_record *made, size_t n)
{
    struct sl_kpool *p = arg;
    p->own.making = false;
    if (err != SL_OK) {
        sl_metric_add(p->metrics, SL_KM_REFILL_FAILURES, 1);
        if (err == SL_ERR_HISTORY)
            p->keeper->hooks.other_history(p);
        p->keeper->hooks.owns(p, false);
        return;
    }
    free_drafts(p);
    for (size_t i = 0; i < n; i++) {
        struct sl_klist *t = sl_keeper_learn(p, &made[i]);
        if (t != NULL)
            sl_keeper_own(t, made[i].cursor, SL_HANDOVER_NONE);
        else
            p->own.no_room_ns = sl_mono_ns(p->keeper->clock) + NO_ROOM_NS;
    }
    p->keeper->hooks.owns(p, true);
}

bool sl_keeper_make_lists(struct sl_kpool *p, uint64_t want)
{
    uint32_t n = lists_missing(p, want);
    /* What no table can hold is not made either: Redis would fill with lists that nobody can use. */
    if (n == 0 || p->own.making || sl_table_full(p->keeper->shared->table) ||
        sl_mono_ns(p->keeper->clock) < p->own.no_room_ns)
        return true;
    if (p->own.draft_count == 0)
        make_drafts(p, n);
    struct sl_fence fence = sl_keeper_fence(p);
    p->own.making = sl_store_precreate(p->keeper->store, p->shared->name, &fence, p->own.drafts,
                                       p->own.draft_count, on_made, p) == SL_OK;
    return p->own.making;
}

bool sl_keeper_is_making(const struct sl_kpool *p)
{
    return p->own.making;
}

void sl_keeper_own_free(struct sl_kpool *p)
{
    free_drafts(p);
    free(p->own.lists);
}
