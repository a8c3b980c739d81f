#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

struct sl_klist *sl_keeper_list(struct sl_keeper *k, uint32_t number)
{
    return (struct sl_klist *)sl_table_at(k->shared->table, number); /* the list is its first member */
}

void sl_keeper_draft(struct sl_keeper *k, struct sl_list_draft *d, char *text, size_t room)
{
    d->id = sl_uuid_v4(k->clock);
    sl_random(k->clock, d->seed, sizeof d->seed);
    struct sl_buf b;
    char id[SL_UUID_TEXT];
    sl_buf_over(&b, text, room);
    sl_uuid_text(&d->id, id);
    sl_buf_puts(&b, k->setup.public_url);
    sl_buf_putc(&b, '/');
    sl_buf_put(&b, id, sizeof id);
    sl_assert(!b.failed); /* the configuration bounds public-url */
    d->uri = sl_span(b.data, b.len);
}

static struct sl_klist *tracked_new(struct sl_kpool *p, const struct sl_list_record *r)
{
    struct sl_buf prefix;
    sl_buf_init(&prefix, 8 * URI_ROOM);
    sl_buf_puts(&prefix, "{\"uri\":");
    sl_buf_json(&prefix, r->uri);
    sl_buf_puts(&prefix, ",\"index\":");
    struct sl_klist *t = prefix.failed ? NULL : calloc(1, sizeof *t + r->uri.len + prefix.len);
    if (t != NULL) {
        memcpy(t->text, r->uri.at, r->uri.len);
        memcpy(t->text + r->uri.len, prefix.data, prefix.len);
        t->list.id = r->id;
        t->list.size = r->size;
        t->list.bits = r->bits;
        t->list.pool = p->shared;
        t->list.uri = sl_span(t->text, r->uri.len);
        t->list.json_prefix = sl_span(t->text + r->uri.len, prefix.len);
        t->pool = p;
    }
    sl_buf_free(&prefix);
    return t;
}

/* Redis has an older version than readers have seen: it was restored, or failed over to a replica that
 * lagged. */
void sl_keeper_rolled_back(struct sl_klist *t, uint64_t version, uint64_t published)
{
    if (t->rolled_back)
        return;
    t->rolled_back = true;
    atomic_store_explicit(&t->list.withheld, true, memory_order_release);
    sl_metric_add(t->pool->metrics, SL_KM_ROLLBACKS, 1);
    sl_log(SL_ERROR, "pool", "redis has lost changes of a list", SL_KS("pool", t->pool->shared->name),
           SL_KN("list", t->list.uri.at, t->list.uri.len), SL_KU("version", version),
           SL_KU("published", published));
}

/* Sees whether Redis has less than was heard of, or has it from another instance that knew less than this
 * one. */
static void compare(struct sl_klist *t, uint64_t version)
{
    struct sl_token *token = sl_list_token(&t->list);
    uint64_t published = token != NULL ? token->version : 0;
    bool checking = t->pool->checking;
    bool less = version < (checking ? t->committed : published);
    if (less)
        sl_keeper_rolled_back(t, version, checking ? t->committed : published);
    else
        t->rolled_back = false;
    t->behind =
        checking && !t->retired && (less || (token != NULL && version >= published + SL_MEND_JUMP / 2));
}

struct sl_klist *sl_keeper_learn(struct sl_kpool *p, const struct sl_list_record *r)
{
    struct sl_keeper *k = p->keeper;
    struct sl_klist *t = (struct sl_klist *)sl_table_find(k->shared->table, &r->id);
    if (r->change > p->newest)
        p->newest = r->change;
    if (t == NULL) {
        t = tracked_new(p, r);
        if (t == NULL || !sl_table_add(k->shared->table, &t->list)) {
            sl_log(SL_ERROR, "pool", "cannot keep another list", SL_KS("pool", p->shared->name));
            free(t);
            return NULL;
        }
        p->lists++;
        p->unpublished++;
        t->committed = r->version;
        t->reading = p->reading;
        if (r->state == SL_LIST_RETIRED)
            sl_keeper_ended(t);
        sl_keeper_want_token(t);
        return t;
    }
    if (t->pool != p) {
        sl_log(SL_ERROR, "pool", "a list id stands in two pools", SL_KS("pool", p->shared->name));
        return NULL;
    }
    compare(t, r->version);
    t->reading = p->reading;
    sl_keeper_committed(t, r->version, sl_mono_ns(k->clock));
    if (r->state == SL_LIST_RETIRED)
        sl_keeper_ended(t);
    return t;
}
