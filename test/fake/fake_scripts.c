/* What the store's scripts do to the data, in C. Each function runs under the lock of its caller. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/status_list.h"
#include "fake_redis.h"

struct fake_pool *fake_pool(struct fake_redis *f, const char *name)
{
    for (unsigned i = 0; i < f->pool_count; i++)
        if (strcmp(f->pools[i]->name, name) == 0)
            return f->pools[i];
    struct fake_pool *p = sl_xcalloc(1, sizeof *p);
    snprintf(p->name, sizeof p->name, "%s", name);
    f->pools = sl_xrealloc(f->pools, (f->pool_count + 1) * sizeof *f->pools);
    f->pools[f->pool_count++] = p;
    return p;
}

struct fake_list *fake_find_or_gone(struct fake_redis *f, const struct sl_uuid *list)
{
    for (unsigned i = 0; i < f->pool_count; i++)
        for (uint32_t j = 0; j < f->pools[i]->now.lists; j++)
            if (memcmp(&f->pools[i]->lists[j]->id, list, sizeof *list) == 0)
                return f->pools[i]->lists[j];
    return NULL;
}

struct fake_list *fake_find(struct fake_redis *f, const struct sl_uuid *list)
{
    struct fake_list *l = fake_find_or_gone(f, list);
    return l != NULL && !l->now.gone ? l : NULL;
}

void fake_changed(struct fake_redis *f, struct fake_list *l)
{
    l->now.change = ++l->pool->now.change;
    for (struct fake_end *e = f->ends; e != NULL; e = e->next) {
        if (!e->is_feed || !atomic_load(&f->feed_up))
            continue;
        struct fake_version_mail *m = sl_xcalloc(1, sizeof *m);
        m->mail.kind = FAKE_VERSION;
        memcpy(m->pool, l->pool->name, sizeof m->pool);
        m->list = l->id;
        m->version = l->now.version;
        sl_mailbox_send(e->box, &m->mail);
    }
}

struct fake_list *fake_create(struct fake_redis *f, struct fake_pool *p, const struct sl_list_draft *d,
                              const char *owner)
{
    struct fake_list *l = sl_xcalloc(1, sizeof *l);
    sl_assert(fake_find(f, &d->id) == NULL);
    l->pool = p;
    l->id = d->id;
    l->uri = strndup(d->uri.at, d->uri.len);
    memcpy(l->seed, d->seed, sizeof l->seed);
    snprintf(l->now.owner, sizeof l->now.owner, "%s", owner);
    l->now.data = sl_xcalloc(1, sl_status_bytes(p->size, p->bits));
    l->now.at = p->now.lineage;
    p->lists = sl_xrealloc(p->lists, (p->now.lists + 1) * sizeof(struct fake_list *));
    p->lists[p->now.lists++] = l;
    fake_changed(f, l);
    return l;
}

struct sl_list_record fake_record(const struct fake_list *l)
{
    struct sl_list_record r = {.id = l->id,
                               .uri = {l->uri, strlen(l->uri)},
                               .size = l->pool->size,
                               .bits = (uint8_t)l->pool->bits,
                               .state = l->now.state,
                               .cursor = l->now.cursor,
                               .version = l->now.version,
                               .at = l->now.at,
                               .line = l->now.line,
                               .change = l->now.change};
    memcpy(r.seed, l->seed, sizeof r.seed);
    return r;
}

static bool untouched(const struct fake_list *l)
{
    return l->now.cursor == 0 && l->now.returned_count == 0;
}

uint32_t fake_spares(struct fake_redis *f, const struct fake_pool *p)
{
    uint32_t n = 0;
    (void)f;
    for (uint32_t i = 0; i < p->now.lists; i++)
        n += p->lists[i]->now.state == SL_LIST_OPEN && untouched(p->lists[i]);
    return n;
}

static bool take_from(struct fake_list *l, uint32_t position, uint32_t want, struct sl_block *b)
{
    struct fake_fields *x = &l->now;
    uint32_t size = l->pool->size, from = x->cursor > position ? x->cursor : position;
    if (from >= size)
        return false;
    *b = (struct sl_block){.from = from, .count = size - from < want ? size - from : want};
    x->cursor = from + b->count;
    x->reserved_ms = 0;
    if (x->cursor == size)
        x->state = SL_LIST_FULL;
    b->list = fake_record(l);
    return true;
}

uint32_t fake_take(struct fake_redis *f, const char *run, uint32_t want, const struct sl_position *lists,
                   uint32_t n, struct sl_taken *ret, struct sl_block *blocks, struct sl_uuid *over)
{
    uint32_t used = 0, got = 0, given_up = 0;
    for (uint32_t i = 0; i < n && got < want; i++) {
        struct fake_list *l = fake_find(f, &lists[i].list);
        if (l != NULL && l->now.state == SL_LIST_OPEN && strcmp(l->now.owner, run) == 0 &&
            take_from(l, lists[i].position, want - got, &blocks[used]))
            got += blocks[used++].count;
        else
            over[given_up++] = lists[i].list;
    }
    *ret = (struct sl_taken){.over = over, .over_count = given_up, .blocks = blocks, .block_count = used};
    return used;
}

uint32_t fake_inherit(struct fake_redis *f, const char *ended, const char *heir,
                      const struct sl_position *lists, uint32_t n, struct sl_block *blocks)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct fake_list *l = fake_find(f, &lists[i].list);
        if (l == NULL || (l->now.state != SL_LIST_OPEN && l->now.state != SL_LIST_FULL) ||
            (strcmp(l->now.owner, ended) != 0 && strcmp(l->now.owner, heir) != 0))
            continue;
        struct fake_fields *x = &l->now;
        uint32_t *indices = sl_xcalloc(x->returned_count + 1, sizeof *indices);
        if (x->returned_count > 0)
            memcpy(indices, x->returned, x->returned_count * sizeof *indices);
        x->cursor = x->cursor > lists[i].position ? x->cursor : lists[i].position;
        x->state = x->cursor == l->pool->size ? SL_LIST_FULL : SL_LIST_OPEN;
        snprintf(x->owner, sizeof x->owner, "%s", heir);
        blocks[used++] = (struct sl_block){.list = fake_record(l),
                                           .from = x->cursor,
                                           .returned = indices,
                                           .returned_count = x->returned_count};
        x->returned_count = 0;
    }
    return used;
}

uint32_t fake_give_back(struct fake_list *l, const char *run, const uint32_t *indices, uint32_t n)
{
    if (strcmp(l->now.owner, run) != 0 || l->now.state == SL_LIST_SEALED || l->now.state == SL_LIST_RETIRED)
        return 0;
    l->now.returned = sl_xrealloc(l->now.returned, (l->now.returned_count + n) * sizeof *l->now.returned);
    memcpy(l->now.returned + l->now.returned_count, indices, n * sizeof *indices);
    l->now.returned_count += n;
    l->now.state = SL_LIST_OPEN;
    return n;
}

/* Whether the list retires now. */
static bool ends(struct fake_list *l, const struct sl_retire *question, int64_t now)
{
    int64_t watched = l->pool->now.watched_ms, since = l->now.reserved_ms;
    if (question->after_ms == 0 || l->now.state == SL_LIST_OPEN)
        return false;
    if (since == 0)
        l->now.reserved_ms = now + (int64_t)question->lease_ms;
    return since != 0 && now > (since > watched ? since : watched) + (int64_t)question->after_ms;
}

void fake_retire(struct fake_redis *f, struct fake_pool *p, const struct sl_retire *question,
                 struct sl_uuid *ids, struct sl_retired *ret)
{
    int64_t now = sl_wall_ms(f->clock), ahead = now + (int64_t)question->lease_ms;
    size_t retired = 0, gone = question->asked; /* from both ends */
    if (question->after_ms > 0) {
        p->now.watched_ms = now > p->now.looked_ms ? ahead : p->now.watched_ms;
        p->now.looked_ms = ahead;
    }
    for (uint32_t i = 0; i < question->held; i++) {
        struct fake_list *l = fake_find(f, &question->ids[i]);
        if (l != NULL && l->now.state != SL_LIST_RETIRED)
            l->now.reserved_ms = ahead;
    }
    for (uint32_t i = question->held; i < question->held + question->asked; i++) {
        struct fake_list *l = fake_find_or_gone(f, &question->ids[i]);
        if (l != NULL && l->now.state == SL_LIST_RETIRED && !l->now.gone) {
            l->now.gone = now > l->now.retired_ms + (int64_t)question->keep_ms;
            ids[retired++] = l->id;
        } else if (l != NULL && l->now.gone) {
            ids[--gone] = l->id;
        } else if (l != NULL && ends(l, question, now)) {
            l->now.state = SL_LIST_RETIRED;
            l->now.retired_ms = now;
            fake_changed(f, l);
            ids[retired++] = l->id;
        }
    }
    *ret = (struct sl_retired){
        .retired = ids, .gone = ids + gone, .retired_count = retired, .gone_count = question->asked - gone};
}

static enum sl_result apply(uint8_t *data, const struct fake_pool *p, int final, const struct sl_change *c)
{
    size_t bytes = sl_status_bytes(p->size, p->bits);
    if (c->index >= p->size)
        return SL_RESULT_OUTSIDE;
    sl_assert(c->value <= sl_status_max(p->bits));
    int present = sl_status_get(data, bytes, p->bits, c->index);
    if (present == c->value)
        return SL_RESULT_SAME;
    if (present == final)
        return SL_RESULT_FINAL;
    sl_status_set(data, p->bits, c->index, c->value);
    return SL_RESULT_CHANGED;
}

static bool marks_now(const struct sl_fence *fence, enum sl_result result)
{
    return fence != NULL && fence->marks && (result == SL_RESULT_CHANGED || result == SL_RESULT_SAME);
}

bool fake_update(struct fake_redis *f, struct fake_list *l, const struct sl_fence *fence, int final,
                 const struct sl_change *c, uint32_t n, uint8_t *results)
{
    bool changed = false;
    for (uint32_t i = 0; i < n; i++) {
        if (l->now.state == SL_LIST_RETIRED) {
            results[i] = SL_RESULT_RETIRED;
            continue;
        }
        results[i] = (uint8_t)apply(l->now.data, l->pool, final, &c[i]);
        changed = changed || results[i] == SL_RESULT_CHANGED;
        if (marks_now(fence, (enum sl_result)results[i]) && fake_mark(l, c[i].index))
            changed = true;
    }
    if (changed)
        fake_touch(f, l);
    return changed;
}

/* Validates against copies first; true: every entry passes. */
static bool would_pass(struct fake_redis *f, int final, const struct sl_batch_group *g,
                       struct sl_batched *ret)
{
    struct fake_list *l = fake_find(f, &g->list);
    ret->refused_position = g->count > 0 ? g->positions[0] : 0;
    ret->refused = SL_ERR_NO_SUCH_REFERENCE;
    if (l == NULL)
        return false;
    ret->refused = SL_ERR_LIST_RETIRED;
    if (l->now.state == SL_LIST_RETIRED)
        return false;
    size_t bytes = sl_status_bytes(l->pool->size, l->pool->bits);
    uint8_t *copy = sl_xcalloc(1, bytes);
    memcpy(copy, l->now.data, bytes);
    ret->refused = SL_OK;
    for (uint32_t i = 0; i < g->count && ret->refused == SL_OK; i++) {
        ret->refused = sl_result_err(apply(copy, l->pool, final, &g->changes[i]));
        ret->refused_position = g->positions[i];
    }
    free(copy);
    return ret->refused == SL_OK;
}

void fake_batch(struct fake_redis *f, const struct sl_fence *fence, int final,
                const struct sl_batch_group *groups, uint32_t n, struct sl_batched *ret, uint64_t *versions,
                bool *changed, struct sl_lineage *at)
{
    *ret = (struct sl_batched){.versions = versions, .changed = changed, .at = at};
    for (uint32_t i = 0; i < n; i++)
        if (!would_pass(f, final, &groups[i], ret))
            return;
    for (uint32_t i = 0; i < n; i++) {
        struct fake_list *l = fake_find(f, &groups[i].list);
        uint8_t *results = sl_xcalloc(groups[i].count + 1, 1);
        changed[i] = fake_update(f, l, fence, final, groups[i].changes, groups[i].count, results);
        versions[i] = l->now.version;
        at[i] = l->now.at;
        ret->change = l->pool->now.change;
        free(results);
    }
}

struct fake_answer *fake_recall(struct fake_redis *f, const char *pool, const struct sl_record_key *key)
{
    for (struct fake_answer *a = f->answers; a != NULL; a = a->next)
        if (strcmp(a->pool, pool) == 0 && memcmp(a->key.id, key->id, sizeof key->id) == 0)
            return a;
    return NULL;
}

void fake_bind(struct fake_redis *f, const char *pool, const struct sl_record_key *key, const void *bytes,
               size_t len)
{
    struct fake_answer *a = sl_xcalloc(1, sizeof *a);
    snprintf(a->pool, sizeof a->pool, "%s", pool);
    a->key = *key;
    a->bytes = sl_xcalloc(len + 1, 1);
    memcpy(a->bytes, bytes, len);
    a->len = len;
    a->next = f->answers;
    f->answers = a;
}

void fake_batch_again(const struct fake_answer *known, const struct sl_record_key *key, uint32_t n,
                      struct sl_batched *ret, uint64_t *versions, bool *changed)
{
    bool same = memcmp(known->key.fingerprint, key->fingerprint, sizeof key->fingerprint) == 0;
    *ret = (struct sl_batched){.versions = versions, .changed = changed, .repeated = same};
    ret->refused = same ? SL_OK : SL_ERR_IDEMPOTENCY_KEY_REUSED;
    sl_assert(!same || known->len == n * sizeof *versions);
    if (same)
        memcpy(versions, known->bytes, known->len);
}
