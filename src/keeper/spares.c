/* Precreation: untouched lists that stand ready, published, before a list runs out. */
#include <stdlib.h>

#include "base/assert.h"
#include "keeper/keeper_int.h"

static void on_made(void *arg, enum sl_err err, const struct sl_list_record *made, size_t n)
{
    struct sl_kpool *p = arg;
    p->precreating = false;
    if (err != SL_OK)
        return; /* the next check tries again */
    for (size_t i = 0; i < n; i++)
        sl_keeper_learn(p, &made[i]);
    if (n > 0) { /* until there were as many as are wanted */
        sl_metric_set(p->metrics, SL_KM_SPARES, p->options->precreation_lists);
        sl_keeper_refill(p);
    }
    sl_keeper_pump(p->keeper);
}

void sl_keeper_precreate(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    uint32_t n = p->options->precreation_lists;
    if (p->options->check_delay_ms > 0)
        sl_timer_start(k->loop, &p->spares, p->options->check_delay_ms * SL_NS_PER_MS);
    if (n == 0 || p->precreating || p->state != POOL_SYNCED || k->draining || p->options->retired)
        return;
    struct sl_list_draft *drafts = sl_xcalloc(n, sizeof *drafts);
    char *text = sl_xcalloc(n, URI_ROOM);
    for (uint32_t i = 0; i < n; i++)
        sl_keeper_draft(k, &drafts[i], text + i * URI_ROOM, URI_ROOM);
    p->precreating = sl_store_precreate(k->store, p->shared->name, n, drafts, n, on_made, p) == SL_OK;
    free(drafts);
    free(text);
}
