/* What the workers see is replaced, never changed: each opening that brings another lineage, or the same one
 * at another server, takes the present history away, and shows the new one when every list that Redis had
 * lost is restored. */
#include "keeper/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

/* ---- what the workers see */

static struct sl_history *shown_history(const struct sl_kpool *p)
{
    return atomic_load_explicit(&p->shared->history, memory_order_relaxed);
}

static void replace_history(struct sl_kpool *p, struct sl_history *h)
{
    sl_keeper_defer_history(p->keeper,
                            atomic_exchange_explicit(&p->shared->history, h, memory_order_acq_rel));
}

void sl_keeper_hide_history(struct sl_kpool *p)
{
    p->history.seen = sl_keeper_seen_change(p);
    if (shown_history(p) != NULL)
        replace_history(p, NULL);
}

void sl_keeper_show_history(struct sl_kpool *p)
{
    const struct sl_khistory *mine = &p->history;
    struct sl_history *h = shown_history(p);
    if (h == NULL) {
        h = sl_xcalloc(1, sizeof *h);
        h->lineage = mine->lineage;
        memcpy(h->run_id, mine->run_id, sizeof h->run_id);
        memcpy(h->replid, mine->replid, sizeof h->replid);
        h->marks_until_ns = sl_mono_ns(p->keeper->clock) + sl_lineage_marks_ms(mine->lineage) * SL_NS_PER_MS;
        atomic_init(&h->least, mine->seen);
        replace_history(p, h);
    }
    sl_history_saw(h, mine->lineage, mine->seen);
}

/* ---- what Redis says */

bool sl_keeper_same_replid(const struct sl_kpool *p, struct sl_span replid)
{
    const char *mine = p->history.replid;
    return replid.len == 0 || sl_span_eq(replid, sl_span(mine, strlen(mine)));
}

bool sl_keeper_note_history(struct sl_kpool *p, struct sl_lineage lineage, const char *run_id,
                            struct sl_span replid, uint64_t change)
{
    struct sl_khistory *mine = &p->history;
    bool first = mine->replid[0] == '\0';
    bool same = !first && sl_lineage_equal(lineage, mine->lineage) && sl_keeper_same_replid(p, replid) &&
                strcmp(run_id, mine->run_id) == 0;
    if (!same) {
        sl_keeper_hide_history(p);
        mine->seen = 0;
    }
    mine->lineage = lineage;
    snprintf(mine->run_id, sizeof mine->run_id, "%s", run_id);
    snprintf(mine->replid, sizeof mine->replid, "%.*s", (int)replid.len, replid.at);
    sl_keeper_saw_change(p, change);
    return !same && !first;
}

void sl_keeper_saw_change(struct sl_kpool *p, uint64_t change)
{
    if (change > p->history.seen)
        p->history.seen = change;
    sl_history_saw(shown_history(p), p->history.lineage, change);
}

uint64_t sl_keeper_seen_change(const struct sl_kpool *p)
{
    struct sl_history *h = shown_history(p);
    uint64_t least = h != NULL ? atomic_load_explicit(&h->least, memory_order_relaxed) : 0;
    return least > p->history.seen ? least : p->history.seen;
}

void sl_keeper_history_free(struct sl_kpool *p)
{
    free(atomic_exchange_explicit(&p->shared->history, NULL, memory_order_acq_rel));
}
