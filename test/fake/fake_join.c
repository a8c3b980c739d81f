/* Changes of a list in the history of its pool, and putting two histories of a list together. Each function
 * runs under the lock of its caller. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/status_list.h"
#include "fake_redis.h"

bool fake_passes(const struct fake_pool *p, const struct sl_fence *fence)
{
    if (fence == NULL || sl_lineage_none(fence->lineage))
        return true;
    uint64_t next = p->now.change + 1;
    return sl_lineage_equal(fence->lineage, p->now.lineage) && next > fence->least &&
           next <= fence->least + (1u << 20);
}

void fake_touch(struct fake_redis *f, struct fake_list *l)
{
    l->now.version++;
    l->now.at = l->pool->now.lineage;
    sl_line_add(&l->now.line, (struct sl_head){l->now.at, l->now.version});
    fake_changed(f, l);
}

/* ---- marks */

size_t fake_marks_bytes(const struct fake_list *l)
{
    return sl_status_bytes(l->pool->size, 1);
}

static uint8_t *marks_of(struct fake_list *l, struct sl_lineage lineage, bool make)
{
    struct fake_fields *x = &l->now;
    for (unsigned i = 0; i < x->marks_count; i++)
        if (sl_lineage_equal(x->marks[i].lineage, lineage))
            return x->marks[i].bits;
    if (!make)
        return NULL;
    if (x->marks_count == FAKE_MARKS) { /* the oldest have expired */
        free(x->marks[0].bits);
        memmove(x->marks, x->marks + 1, --x->marks_count * sizeof x->marks[0]);
    }
    x->marks[x->marks_count] = (struct fake_marks){lineage, sl_xcalloc(1, fake_marks_bytes(l))};
    return x->marks[x->marks_count++].bits;
}

bool fake_mark(struct fake_list *l, uint32_t index)
{
    uint8_t *bits = marks_of(l, l->pool->now.lineage, true);
    bool marked = sl_status_get(bits, fake_marks_bytes(l), 1, index) != 0;
    sl_status_set(bits, 1, index, 1);
    return !marked;
}

/* ---- joining */

/* A state of the list, as one of the two that are joined. */
struct side {
    const struct sl_line *line;
    const uint8_t *bytes;
    const struct sl_mend *mend; /* NULL: Redis' side */
};

static bool is_marked(struct fake_list *l, const struct side *side, struct sl_lineage lineage, uint32_t index)
{
    size_t len = fake_marks_bytes(l);
    const uint8_t *bits = NULL;
    if (side->mend == NULL)
        bits = marks_of(l, lineage, false);
    for (unsigned i = 0; side->mend != NULL && i < side->mend->marks_count; i++) {
        if (!sl_lineage_equal(side->mend->marks[i].lineage, lineage))
            continue;
        bits = (const uint8_t *)side->mend->marks[i].bits.at;
        len = side->mend->marks[i].bits.len;
    }
    return bits != NULL && sl_status_get(bits, len, 1, index) != 0;
}

/* All lineages of both lines, ascending. */
static unsigned all_lineages(const struct sl_line *one, const struct sl_line *other, struct sl_lineage *out)
{
    unsigned n = 0, i = 0, j = 0;
    while (i < one->count || j < other->count) {
        int order = i == one->count     ? 1
                    : j == other->count ? -1
                                        : sl_lineage_compare(one->part[i].at, other->part[j].at);
        out[n++] = order <= 0 ? one->part[i].at : other->part[j].at;
        i += order <= 0;
        j += order >= 0;
    }
    return n;
}

static bool is_cut(const struct sl_line *line, struct sl_lineage l)
{
    return !sl_lineage_none(line->cut) && sl_lineage_compare(l, line->cut) <= 0;
}

/* Index of the first lineage in which the lines differ; n: none. */
static unsigned first_difference(const struct side *mine, const struct side *theirs,
                                 const struct sl_lineage *lineages, unsigned n)
{
    unsigned i = 0;
    while (i < n && sl_line_version(mine->line, lineages[i]) == sl_line_version(theirs->line, lineages[i]))
        i++;
    return i;
}

/* As long as all differences are on one side, that side's statuses are taken as a whole: marks are needed
 * from the first lineage on in which the other side has more. */
static bool is_too_late(struct fake_redis *f, const struct side *mine, const struct side *theirs,
                        const struct sl_lineage *lineages, unsigned n)
{
    uint64_t now = (uint64_t)sl_wall_ms(f->clock);
    bool both = false, first_is_theirs = false, found = false;
    if (is_cut(mine->line, theirs->mend->head.at) || mine->line->below != theirs->line->below)
        return true;
    for (unsigned i = 0; i < n; i++) {
        struct sl_lineage l = lineages[i];
        uint64_t here = sl_line_version(mine->line, l), there = sl_line_version(theirs->line, l);
        if (here == there)
            continue;
        first_is_theirs = found ? first_is_theirs : there > here;
        found = true;
        both = both || first_is_theirs != (there > here);
        if (both && l.ms + sl_lineage_marks_ms(l) <= now)
            return true;
    }
    return false;
}

static uint8_t status_at(const struct fake_list *l, const struct side *side, uint32_t index)
{
    size_t len = side->mend != NULL ? side->mend->bytes.len : sl_status_bytes(l->pool->size, l->pool->bits);
    return sl_status_get(side->bytes, len, l->pool->bits, index);
}

/* Lineage by lineage, the later one wins; within one the side that has more of it; final statuses over all.
 */
static uint8_t joined_status(struct fake_list *l, const struct side *mine, const struct side *theirs,
                             const struct sl_lineage *lineages, unsigned n, bool late, uint32_t index)
{
    uint8_t value = status_at(l, mine, index), other = status_at(l, theirs, index);
    unsigned first = first_difference(mine, theirs, lineages, n);
    int final = theirs->mend->final;
    if (final >= 0 && (value == final || other == final))
        return (uint8_t) final;
    for (unsigned i = first; i < n && !late; i++) {
        bool more = sl_line_version(theirs->line, lineages[i]) > sl_line_version(mine->line, lineages[i]);
        const struct side *side = more ? theirs : mine;
        if (i == first || is_marked(l, side, lineages[i], index))
            value = status_at(l, side, index);
    }
    return value;
}

static void join_marks(struct fake_list *l, const struct sl_mend *mend)
{
    for (unsigned i = 0; i < mend->marks_count; i++) {
        uint8_t *bits = marks_of(l, mend->marks[i].lineage, true);
        for (size_t j = 0; j < mend->marks[i].bits.len; j++)
            bits[j] |= (uint8_t)mend->marks[i].bits.at[j];
    }
}

/* Returns whether that was too late: then Redis' bytes stay, but for final statuses. */
static bool join(struct fake_redis *f, struct fake_list *l, const struct sl_mend *mend, bool both)
{
    struct fake_fields *x = &l->now;
    size_t len = sl_status_bytes(l->pool->size, l->pool->bits);
    struct sl_lineage lineages[2 * SL_LINE_MAX];
    struct sl_line here = x->line, there = mend->line;
    sl_line_cut(&here, there.cut);
    sl_line_cut(&there, here.cut);
    struct side mine = {&here, x->data, NULL}, theirs = {&there, (const uint8_t *)mend->bytes.at, mend};
    unsigned n = all_lineages(mine.line, theirs.line, lineages);
    bool late = both && is_too_late(f, &mine, &theirs, lineages, n);
    uint8_t *joined = sl_xcalloc(1, len);
    for (uint32_t i = 0; i < l->pool->size; i++)
        sl_status_set(joined, l->pool->bits, i, joined_status(l, &mine, &theirs, lineages, n, late, i));
    memcpy(x->data, joined, len);
    free(joined);
    if (!late)
        join_marks(l, mend);
    if (!both)
        here.below = there.below;
    for (unsigned i = 0; i < there.count; i++)
        sl_line_add(&here, there.part[i]);
    x->line = here;
    x->version = x->version > mend->head.version ? x->version : mend->head.version;
    return late;
}

static bool mend_whole(struct fake_redis *f, struct fake_pool *p, const struct sl_mend *mend,
                       struct sl_mended_list *ret)
{
    struct fake_list *l = fake_find_or_gone(f, &mend->list);
    if (mend->line.count > 0 &&
        sl_lineage_compare(mend->line.part[mend->line.count - 1].at, p->now.lineage) >= 0)
        return false;
    *ret = (struct sl_mended_list){.what = SL_MENDED_NOT};
    if (l != NULL && l->now.state == SL_LIST_RETIRED) {
        ret->what = SL_MENDED_RETIRED;
        return true;
    }
    if (l == NULL) {
        l = fake_create(f, p, &(struct sl_list_draft){.id = mend->list, .uri = mend->uri}, "");
        l->now.cursor = p->size;
        l->now.state = SL_LIST_SEALED;
        ret->what = SL_MENDED_NEW;
    } else if (!sl_line_covers(&l->now.line, mend->head)) {
        struct sl_head head = {l->now.at, l->now.version};
        ret->what = sl_line_covers(&mend->line, head) ? SL_MENDED_RAISED : SL_MENDED_JOINED;
    }
    if (ret->what != SL_MENDED_NOT) {
        if (join(f, l, mend, ret->what == SL_MENDED_JOINED))
            ret->what = SL_MENDED_LATE;
        fake_touch(f, l);
        ret->change = p->now.change;
    }
    ret->head = (struct sl_head){l->now.at, l->now.version};
    return true;
}

bool fake_mend(struct fake_redis *f, struct fake_pool *p, const struct sl_mend *mend,
               struct sl_mended_list *ret)
{
    struct fake_list *l = fake_find_or_gone(f, &mend->list);
    bool done = l != NULL && (l->now.state == SL_LIST_RETIRED || sl_line_covers(&l->now.line, mend->head));
    if (mend->bytes.len <= mend->longest || done)
        return mend_whole(f, p, mend, ret);
    f->joins.seen_len = (size_t)snprintf(f->joins.seen, sizeof f->joins.seen, "%u", ++f->joins.begun);
    f->joins.bytes = 0;
    *ret = (struct sl_mended_list){.what = SL_MENDED_IN_PIECES,
                                   .seen = sl_span(f->joins.seen, f->joins.seen_len)};
    return true;
}

static bool is_latest(const struct fake_redis *f, const struct sl_pieces *pieces)
{
    return sl_span_eq(pieces->seen, sl_span(f->joins.seen, f->joins.seen_len));
}

bool fake_join_piece(struct fake_redis *f, const struct sl_mend *mend, const struct sl_pieces *pieces,
                     size_t from, size_t len)
{
    sl_assert(from % 8 == 0 && len > 0 && len <= mend->longest && from + len <= mend->bytes.len);
    if (!is_latest(f, pieces) || from != f->joins.bytes || f->joins.misfits > 0) {
        f->joins.misfits -= f->joins.misfits > 0;
        return false;
    }
    f->joins.bytes += len;
    return true;
}

bool fake_join_end(struct fake_redis *f, struct fake_pool *p, const struct sl_mend *mend,
                   const struct sl_pieces *pieces, int bound, struct sl_mended_list *ret)
{
    bool fits = is_latest(f, pieces) && f->joins.bytes == mend->bytes.len;
    if (f->joins.crowded > 0 && bound >= 0) {
        f->joins.crowded--;
        *ret = (struct sl_mended_list){.what = SL_MENDED_CROWDED};
        return true;
    }
    if (!fits || f->joins.again > 0) {
        f->joins.again -= f->joins.again > 0;
        *ret = (struct sl_mended_list){.what = SL_MENDED_AGAIN};
        return true;
    }
    return mend_whole(f, p, mend, ret);
}
