#include "keeper/learn.h"

#include "base/log.h"
#include "keeper/keeper_int.h"

void sl_keeper_note_retired(struct sl_klist *t)
{
    struct sl_kpool *p = t->pool;
    if (sl_keeper_is_retired(t))
        return;
    t->comparison.behind = false;
    sl_keeper_stop_renewal(t);
    sl_keeper_forget_list(t);
    sl_metric_add(p->metrics, SL_KM_RETIRED, 1);
    sl_log(SL_INFO, "pool", "a list is retired: its token is not renewed", SL_KS("pool", p->shared->name),
           SL_KN("list", t->list.uri.at, t->list.uri.len));
    sl_keeper_schedule(t);
}

/* In a check what Redis has counts, and what it lacks is restored. Outside one a record may be from before a
 * state that was loaded meanwhile, so the list is loaded again to be certain. */
static void compare_record(struct sl_klist *t, const struct sl_list_record *record)
{
    bool checking = sl_keeper_is_checking(t->pool),
         contains = sl_keeper_contains_remembered(t, &record->line);
    struct sl_head found = {record->at, record->version};
    t->comparison.reading = sl_keeper_reading(t->pool);
    t->comparison.behind = checking && !contains && !sl_keeper_is_retired(t);
    sl_keeper_note_line(t, &record->line);
    if (contains)
        sl_keeper_clear_rollback(t);
    else if (checking)
        sl_keeper_note_rollback(t, found);
    else
        sl_keeper_doubt_list(t);
    if (checking)
        sl_keeper_found_version(t, record->version);
    else
        sl_keeper_committed(t, record->version, sl_mono_ns(t->pool->keeper->clock));
}

static struct sl_klist *learn_new(struct sl_kpool *p, const struct sl_list_record *record)
{
    struct sl_klist *t = sl_keeper_new_list(p, record);
    if (t == NULL) {
        sl_log(SL_ERROR, "pool", "no memory for another list", SL_KS("pool", p->shared->name));
        return NULL;
    }
    sl_keeper_add_publication(t, record->version);
    sl_keeper_note_line(t, &record->line);
    t->comparison.reading = sl_keeper_reading(p);
    if (record->state == SL_LIST_RETIRED)
        sl_keeper_note_retired(t);
    sl_keeper_want_token(t, false);
    return t;
}

/* All lists of a pool have its size and bits, and keep their URI. NULL, or the field that somebody changed.
 */
static const char *misfit(const struct sl_kpool *p, const struct sl_klist *t,
                          const struct sl_list_record *record)
{
    if (record->size != p->options->size)
        return "size";
    if (record->bits != p->options->bits)
        return "bits";
    return t != NULL && !sl_span_eq(t->list.uri, record->uri) ? "uri" : NULL;
}

/* False: it cannot be used. */
static bool fits(struct sl_kpool *p, const struct sl_klist *t, const struct sl_list_record *record)
{
    char id[SL_UUID_TEXT];
    const char *field = misfit(p, t, record);
    if (field == NULL) {
        sl_keeper_note_whole(p, &record->id);
        return true;
    }
    sl_uuid_text(&record->id, id);
    sl_keeper_note_damaged(p, &(struct sl_damaged_list){sl_span(id, sizeof id), field});
    return false;
}

struct sl_klist *sl_keeper_learn(struct sl_kpool *p, const struct sl_list_record *record)
{
    struct sl_klist *t = sl_klist_of(sl_table_find(p->keeper->shared->table, &record->id));
    if (!fits(p, t, record))
        return NULL;
    if (t == NULL)
        return learn_new(p, record);
    if (t->pool != p) {
        sl_log(SL_ERROR, "pool", "two pools have a list with the same id", SL_KS("pool", p->shared->name));
        return NULL;
    }
    compare_record(t, record);
    if (record->state == SL_LIST_RETIRED)
        sl_keeper_note_retired(t);
    return t;
}

uint32_t sl_keeper_count_behind(struct sl_kpool *p)
{
    uint32_t behind = 0;
    SL_EACH_KLIST (t, p->keeper) {
        if (t->pool != p)
            continue;
        if (t->comparison.reading != sl_keeper_reading(p) && !sl_keeper_is_retired(t)) {
            t->comparison.behind = true;
            sl_keeper_note_rollback(t, (struct sl_head){.version = 0});
        }
        behind += t->comparison.behind;
    }
    return behind;
}

bool sl_keeper_is_behind(const struct sl_klist *t)
{
    return t->comparison.behind;
}

void sl_keeper_note_restored(struct sl_klist *t)
{
    t->comparison.behind = false;
    sl_keeper_clear_rollback(t);
}
