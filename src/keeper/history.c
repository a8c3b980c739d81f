/* Each opening tells Redis where this process stands: in which lineage, up to which change. Redis decides
 * whether its data are a continuation of that, and begins a new lineage where they are not.
 *
 * What the workers see is replaced, never changed: an opening that brings another lineage, or the same one at
 * another server, takes the present history away, and shows the new one when every list that Redis had lost
 * is restored. */
#include "keeper/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

#define PATIENCE_NS (5 * SL_NS_PER_S)
#define PATIENCE_MAX_NS (60 * SL_NS_PER_S)

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

void sl_keeper_leave_server(struct sl_kpool *p)
{
    const struct sl_store_server *server = sl_store_server(p->keeper->store);
    const struct sl_history *h = shown_history(p);
    if (h != NULL && !sl_history_is_of(h, server->run_id, server->replid))
        sl_keeper_hide_history(p);
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
        h->marks_until_ns = mine->marks_until_ns;
        atomic_init(&h->least, mine->seen);
        replace_history(p, h);
    }
    sl_history_saw(h, mine->lineage, mine->seen);
}

/* ---- what Redis says */

static bool is_text(struct sl_span text, const char *mine)
{
    return sl_span_eq(text, sl_span(mine, strlen(mine)));
}

bool sl_keeper_is_history(const struct sl_kpool *p, struct sl_span replid, struct sl_lineage lineage)
{
    return is_text(replid, p->history.replid) && sl_lineage_equal(lineage, p->history.lineage);
}

struct sl_pool_known sl_keeper_known_history(const struct sl_kpool *p, bool back, struct sl_lineage highest)
{
    const struct sl_khistory *mine = &p->history;
    struct sl_pool_known known = {.first = !mine->opened,
                                  .back = back,
                                  .lineage = mine->lineage,
                                  .least = sl_keeper_seen_change(p),
                                  .begun = mine->begun,
                                  .parent = mine->parent,
                                  .parent_end = mine->parent_end,
                                  .highest = highest};
    sl_random(p->keeper->clock, &known.random, sizeof known.random);
    return known;
}

static void log_lineage(struct sl_kpool *p, enum sl_drawn drawn, bool fork)
{
    static const char *const whys[] = {[SL_DRAWN_NOT] = "another instance",
                                       [SL_DRAWN_REPLID] = "another replication id",
                                       [SL_DRAWN_FIRST] = "first open",
                                       [SL_DRAWN_BACK] = "redis went back",
                                       [SL_DRAWN_LIST] = "a list went back"};
    char lineage[SL_LINEAGE_TEXT];
    size_t n = sl_lineage_print(p->history.lineage, lineage);
    if (drawn != SL_DRAWN_NOT)
        sl_metric_add_label(p->metrics, SL_KM_HISTORIES, drawn - 1, 1);
    sl_log(drawn == SL_DRAWN_FIRST || !fork ? SL_INFO : SL_WARN, "pool", "a new history of the pool begins",
           SL_KS("pool", p->shared->name), SL_KN("lineage", lineage, n), SL_KS("why", whys[drawn]),
           SL_KS("server", p->history.run_id));
}

static bool is_other(const struct sl_khistory *mine, const struct sl_pool_opened *opened)
{
    return !sl_lineage_equal(mine->lineage, opened->lineage) || !is_text(opened->replid, mine->replid) ||
           !is_text(opened->run_id, mine->run_id);
}

static void copy_id(char to[static SL_SERVER_ID + 1], struct sl_span id)
{
    snprintf(to, SL_SERVER_ID + 1, "%.*s", (int)id.len, id.at);
}

bool sl_keeper_note_history(struct sl_kpool *p, const struct sl_pool_known *known,
                            const struct sl_pool_opened *opened)
{
    struct sl_khistory *mine = &p->history;
    bool other = is_other(mine, opened), lineage = !sl_lineage_equal(mine->lineage, opened->lineage);
    bool check = opened->fork && !known->first;
    if (other)
        sl_keeper_hide_history(p);
    if (lineage) {
        mine->seen = 0;
        mine->marks_until_ns = sl_mono_ns(p->keeper->clock) + opened->marks_ms * SL_NS_PER_MS;
    }
    mine->opened = true;
    mine->lineage = opened->lineage;
    mine->begun = opened->begun;
    mine->parent = opened->parent;
    mine->parent_end = opened->parent_end;
    mine->drawn = opened->drawn != SL_DRAWN_NOT;
    mine->suspect = !mine->drawn && (sl_lineage_equal(known->lineage, opened->lineage) ||
                                     sl_lineage_compare(known->highest, opened->lineage) > 0);
    copy_id(mine->run_id, opened->run_id);
    copy_id(mine->replid, opened->replid);
    sl_keeper_saw_change(p, opened->change);
    if (lineage)
        log_lineage(p, opened->drawn, check);
    return check;
}

struct sl_lineage sl_keeper_lineage(const struct sl_kpool *p)
{
    return p->history.lineage;
}

bool sl_keeper_is_suspect(const struct sl_kpool *p)
{
    return p->history.suspect;
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

struct sl_fence sl_keeper_fence(const struct sl_kpool *p)
{
    return (struct sl_fence){.lineage = p->history.lineage,
                             .least = sl_keeper_seen_change(p),
                             .marks = sl_keeper_marks_left_ns(p) > 0};
}

bool sl_keeper_loader_strays(const struct sl_keeper *k)
{
    const struct sl_store_server *mine = sl_store_server(k->store), *other = sl_store_server(k->loader);
    return sl_store_state(k->store) == SL_STORE_UP && sl_store_state(k->loader) == SL_STORE_UP &&
           strcmp(mine->run_id, other->run_id) != 0;
}

void sl_keeper_watch_loader(struct sl_keeper *k)
{
    if (sl_keeper_loader_strays(k))
        sl_store_redial(k->loader, "the keeper's connection for commands leads to another server");
}

void sl_keeper_watch_workers(struct sl_keeper *k)
{
    struct sl_company *company = &k->company;
    uint64_t now = sl_mono_ns(k->clock);
    uint32_t apart = atomic_load_explicit(&k->shared->workers_apart, memory_order_relaxed);
    if (2 * apart <= k->setup.worker_count || sl_store_state(k->store) != SL_STORE_UP) {
        company->patience_ns = apart > 0 ? company->patience_ns : 0;
        return;
    }
    if (now < company->redial_ns)
        return;
    uint64_t patience = 2 * company->patience_ns;
    company->patience_ns = patience < PATIENCE_NS ? PATIENCE_NS : patience;
    if (company->patience_ns > PATIENCE_MAX_NS)
        company->patience_ns = PATIENCE_MAX_NS;
    company->redial_ns = now + company->patience_ns;
    sl_log(SL_WARN, "redis",
           "most workers' connections lead to another server than the keeper's: dialling anew",
           SL_KU("workers", apart), SL_KS("server", sl_store_server(k->store)->run_id));
    sl_store_redial(k->store, "most workers' connections lead to another server");
}

uint64_t sl_keeper_marks_left_ns(const struct sl_kpool *p)
{
    uint64_t now = sl_mono_ns(p->keeper->clock), until = p->history.marks_until_ns;
    return until > now ? until - now : 0;
}

void sl_keeper_history_free(struct sl_kpool *p)
{
    free(atomic_exchange_explicit(&p->shared->history, NULL, memory_order_acq_rel));
}
