/* The statuses lie compressed in the token anyway. Marks are a bit per index and lineage, so they are kept
 * only while a lost history can still be joined with them: for as long as Redis keeps them, by Redis' clock.
 */
#include "keeper/remember.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

struct sl_kept_marks {
    unsigned count;
    struct sl_marks of[SL_LINE_MAX]; /* their bits are in this struct's memory */
    char bits[];
};

/* ---- the state */

struct sl_head sl_keeper_remembered(const struct sl_klist *t)
{
    const struct sl_token *token = sl_list_token(&t->list);
    if (t->memory.given_up)
        return t->memory.joined;
    return token != NULL ? sl_token_head(token) : (struct sl_head){.version = 0};
}

struct sl_lineage sl_keeper_highest_lineage(const struct sl_kpool *p)
{
    struct sl_lineage highest = sl_keeper_lineage(p);
    SL_EACH_KLIST (t, p->keeper) {
        struct sl_head head = sl_keeper_remembered(t); /* or what has taken its place: too late */
        if (t->pool == p && sl_lineage_compare(head.at, highest) > 0)
            highest = head.at;
    }
    return highest;
}

bool sl_keeper_shows(const struct sl_klist *t, struct sl_head head)
{
    const struct sl_token *token = sl_list_token(&t->list);
    return token != NULL && !t->memory.given_up && sl_head_equal(sl_token_head(token), head);
}

bool sl_keeper_contains_remembered(const struct sl_klist *t, const struct sl_line *line)
{
    return sl_line_covers(line, sl_keeper_remembered(t));
}

void sl_keeper_give_up_shown(struct sl_klist *t, struct sl_head joined)
{
    t->memory.given_up = true;
    t->memory.joined = joined;
}

void sl_keeper_shown_is_contained(struct sl_klist *t)
{
    t->memory.given_up = false;
}

void sl_keeper_note_rollback(struct sl_klist *t, struct sl_head found)
{
    struct sl_head known = sl_keeper_remembered(t);
    char lineage[2][SL_LINEAGE_TEXT];
    if (t->memory.rolled_back)
        return;
    t->memory.rolled_back = true;
    atomic_store_explicit(&t->list.withheld, true, memory_order_release);
    sl_metric_add(t->pool->metrics, SL_KM_ROLLBACKS, 1);
    size_t n = sl_lineage_print(found.at, lineage[0]), m = sl_lineage_print(known.at, lineage[1]);
    sl_log(SL_ERROR, "pool", "redis has lost changes of a list", SL_KS("pool", t->pool->shared->name),
           SL_KN("list", t->list.uri.at, t->list.uri.len), SL_KU("version", found.version),
           SL_KN("lineage", lineage[0], n), SL_KU("published", known.version),
           SL_KN("published-lineage", lineage[1], m));
}

void sl_keeper_clear_rollback(struct sl_klist *t)
{
    t->memory.rolled_back = false;
}

/* ---- its marks */

static uint64_t redis_now_ms(const struct sl_kpool *p)
{
    uint64_t passed = sl_mono_ns(p->keeper->clock) - p->memories.told_ns;
    return p->memories.redis_ms + passed / SL_NS_PER_MS;
}

/* Before Redis has told its time, all are wanted. */
static bool may_have_marks(const struct sl_kpool *p, struct sl_lineage l)
{
    return !sl_lineage_none(l) &&
           (p->memories.redis_ms == 0 || sl_lineage_kept_until_ms(l) > redis_now_ms(p));
}

void sl_keeper_note_line(struct sl_klist *t, const struct sl_line *line)
{
    struct sl_memory *memory = &t->memory;
    struct sl_lineage found[SL_LINE_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < line->count; i++)
        if (may_have_marks(t->pool, line->part[i].at))
            found[n++] = line->part[i].at;
    if (n != memory->named_count) {
        free(memory->named);
        memory->named = n > 0 ? sl_xcalloc(n, sizeof *memory->named) : NULL;
        memory->named_count = n;
    }
    if (n > 0)
        memcpy(memory->named, found, n * sizeof found[0]);
}

unsigned sl_keeper_marks_wanted(const struct sl_klist *t, struct sl_lineage ret[static SL_LINE_MAX])
{
    struct sl_lineage present = sl_keeper_lineage(t->pool);
    bool named = false;
    unsigned n = 0;
    for (unsigned i = 0; i < t->memory.named_count; i++) {
        if (!may_have_marks(t->pool, t->memory.named[i]))
            continue;
        ret[n++] = t->memory.named[i];
        named = named || sl_lineage_equal(t->memory.named[i], present);
    }
    /* Where the line is full without the present one, a change in that shows as a lineage that was not named.
     */
    if (!named && n < SL_LINE_MAX && may_have_marks(t->pool, present))
        ret[n++] = present;
    return n;
}

/* NULL: no memory. */
static struct sl_kept_marks *copy_marks(const struct sl_marks *marks, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += marks[i].bits.len;
    struct sl_kept_marks *kept = malloc(sizeof *kept + bytes);
    if (kept == NULL)
        return NULL;
    char *at = kept->bits;
    kept->count = (unsigned)count;
    for (size_t i = 0; i < count; i++) {
        struct sl_span bits = marks[i].bits;
        if (bits.len > 0)
            memcpy(at, bits.at, bits.len);
        kept->of[i] = (struct sl_marks){marks[i].lineage, sl_span(at, bits.len)};
        at += bits.len;
    }
    return kept;
}

bool sl_keeper_keep_loaded(struct sl_klist *t, const struct sl_loaded *loaded)
{
    struct sl_memories *all = &t->pool->memories;
    sl_keeper_drop_loaded(t);
    all->redis_ms = loaded->now_ms;
    all->told_ns = sl_mono_ns(t->pool->keeper->clock);
    if (loaded->marks_count == 0)
        return true;
    t->memory.loaded = copy_marks(loaded->marks, loaded->marks_count);
    return t->memory.loaded != NULL;
}

/* The walk over all lists comes when the first of them may have marks to free. */
static void note_end(struct sl_memories *all, const struct sl_kept_marks *kept)
{
    uint64_t latest = 0;
    for (size_t i = 0; kept != NULL && i < kept->count; i++) {
        uint64_t end = sl_lineage_kept_until_ms(kept->of[i].lineage);
        latest = end > latest ? end : latest;
    }
    if (latest > 0 && (all->marks_end_ms == 0 || latest < all->marks_end_ms))
        all->marks_end_ms = latest;
}

void sl_keeper_loaded_is_shown(struct sl_klist *t)
{
    struct sl_memory *memory = &t->memory;
    free(memory->shown);
    memory->shown = memory->loaded;
    memory->loaded = NULL;
    memory->given_up = false;
    note_end(&t->pool->memories, memory->shown);
}

void sl_keeper_drop_loaded(struct sl_klist *t)
{
    free(t->memory.loaded);
    t->memory.loaded = NULL;
}

bool sl_keeper_copy_marks(const struct sl_klist *t, struct sl_kept_marks **ret)
{
    const struct sl_kept_marks *shown = t->memory.shown;
    *ret = shown != NULL ? copy_marks(shown->of, shown->count) : NULL;
    return shown == NULL || *ret != NULL;
}

void sl_keeper_name_marks(const struct sl_kept_marks *marks, struct sl_mend *mend)
{
    mend->marks = marks != NULL ? marks->of : NULL;
    mend->marks_count = marks != NULL ? marks->count : 0;
}

static bool have_ended(const struct sl_kept_marks *kept, uint64_t now_ms)
{
    for (size_t i = 0; i < kept->count; i++)
        if (sl_lineage_kept_until_ms(kept->of[i].lineage) > now_ms)
            return false;
    return true;
}

static void end_marks_of(struct sl_klist *t, uint64_t now_ms)
{
    struct sl_memory *memory = &t->memory;
    if (memory->shown != NULL && have_ended(memory->shown, now_ms)) {
        free(memory->shown);
        memory->shown = NULL;
    }
    note_end(&t->pool->memories, memory->shown);
}

void sl_keeper_end_marks(struct sl_kpool *p)
{
    uint64_t now_ms = redis_now_ms(p);
    if (p->memories.marks_end_ms == 0 || now_ms < p->memories.marks_end_ms)
        return;
    p->memories.marks_end_ms = 0;
    SL_EACH_KLIST (t, p->keeper)
        if (t->pool == p)
            end_marks_of(t, now_ms);
}

void sl_keeper_memory_free(struct sl_klist *t)
{
    free(t->memory.shown);
    free(t->memory.loaded);
    free(t->memory.named);
}
