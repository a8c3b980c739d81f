/* What the scripts do about the histories of a pool's data: which lineage there is, and when a new one
 * begins. Each function runs under the lock of its caller. */
#include <string.h>

#include "base/assert.h"
#include "fake_redis.h"

static uint64_t *end_of(struct fake_counters *now, struct sl_lineage l)
{
    if (sl_lineage_equal(now->lineage, l))
        return &now->change;
    for (unsigned i = 0; i < now->parent_count; i++)
        if (sl_lineage_equal(now->parents[i].at, l))
            return &now->parents[i].version;
    return NULL;
}

static bool was_folded(const struct fake_counters *now, struct sl_lineage l)
{
    for (unsigned i = 0; i < now->folded_count; i++)
        if (sl_lineage_equal(now->folded[i], l))
            return true;
    return false;
}

static bool has_gone_back(struct fake_counters *now, const struct sl_pool_known *known)
{
    bool folded = known->least == known->begun && was_folded(now, known->lineage);
    const uint64_t *end = end_of(now, folded ? known->parent : known->lineage);
    return end == NULL || *end < (folded ? known->parent_end : known->least);
}

static enum sl_drawn reason_to_draw(struct fake_redis *f, struct fake_counters *now,
                                    const struct sl_pool_known *known)
{
    bool present = !sl_lineage_none(now->lineage);
    if (present && now->noted != f->epoch)
        return SL_DRAWN_REPLID;
    if (known->first)
        return SL_DRAWN_FIRST;
    if (has_gone_back(now, known))
        return SL_DRAWN_BACK;
    if (known->back && (sl_lineage_equal(known->lineage, now->lineage) ||
                        sl_lineage_compare(known->highest, now->lineage) > 0))
        return SL_DRAWN_LIST;
    return SL_DRAWN_NOT;
}

static void keep_parent(struct fake_counters *now)
{
    if (now->change == now->begun) {
        if (now->folded_count == FAKE_FOLDED)
            memmove(now->folded, now->folded + 1, --now->folded_count * sizeof now->folded[0]);
        now->folded[now->folded_count++] = now->lineage;
        return;
    }
    if (now->parent_count == FAKE_PARENTS)
        memmove(now->parents, now->parents + 1, --now->parent_count * sizeof now->parents[0]);
    now->parents[now->parent_count++] = (struct sl_head){now->lineage, now->change};
}

static void draw_lineage(struct fake_redis *f, struct fake_counters *now, const struct sl_pool_known *known,
                         enum sl_drawn why)
{
    uint64_t ms = (uint64_t)sl_wall_ms(f->clock);
    if (!sl_lineage_none(now->lineage))
        keep_parent(now);
    ms = ms > now->lineage.ms ? ms : now->lineage.ms + 1;
    ms = ms > known->highest.ms ? ms : known->highest.ms + 1;
    now->lineage = (struct sl_lineage){ms, (known->random & ~UINT64_C(15)) | (why != SL_DRAWN_FIRST)};
    now->change += (1u << 22) + known->random % (1u << 24);
    now->begun = now->change;
    now->noted = f->epoch;
}

static bool is_fork_after(struct sl_lineage l, struct sl_lineage mine)
{
    return sl_lineage_compare(l, mine) > 0 && (l.random & 15) == 1;
}

static bool has_forked(const struct fake_counters *now, struct sl_lineage mine)
{
    bool forked = is_fork_after(now->lineage, mine);
    for (unsigned i = 0; i < now->parent_count; i++)
        forked = forked || is_fork_after(now->parents[i].at, mine);
    for (unsigned i = 0; i < now->folded_count; i++)
        forked = forked || is_fork_after(now->folded[i], mine);
    return forked;
}

void fake_open(struct fake_redis *f, struct fake_pool *p, const struct sl_pool_known *known,
               struct sl_pool_opened *ret)
{
    struct fake_counters *now = &p->now;
    enum sl_drawn why = known != NULL ? reason_to_draw(f, now, known) : SL_DRAWN_NOT;
    if (why != SL_DRAWN_NOT)
        draw_lineage(f, now, known, why);
    ret->lineage = now->lineage;
    ret->drawn = why;
    ret->fork = known != NULL && has_forked(now, known->lineage);
    ret->begun = now->begun;
    if (now->parent_count > 0) {
        ret->parent = now->parents[now->parent_count - 1].at;
        ret->parent_end = now->parents[now->parent_count - 1].version;
    }
    uint64_t end = now->lineage.ms + sl_lineage_marks_ms(now->lineage), ms = (uint64_t)sl_wall_ms(f->clock);
    ret->marks_ms = end > ms ? end - ms : 0;
    ret->change = now->change;
}
