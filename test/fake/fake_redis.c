#include "fake_redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/status_list.h"

struct fake_redis *fake_redis_new(const struct sl_clock *clock, uint64_t seed)
{
    struct fake_redis *f = sl_xcalloc(1, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    f->clock = clock;
    f->epoch = 1;
    f->random = seed;
    f->options.persistence = SL_PERSIST_ALWAYS;
    f->options.command_timeout_ms = 1000;
    atomic_init(&f->up, true);
    atomic_init(&f->feed_up, true);
    return f;
}

static void fields_free(struct fake_fields *x)
{
    for (unsigned i = 0; i < x->marks_count; i++)
        free(x->marks[i].bits);
    free(x->data);
    free(x->returned);
}

static void list_free(struct fake_list *l)
{
    fields_free(&l->now);
    fields_free(&l->saved);
    free(l->uri);
    free(l);
}

void fake_redis_free(struct fake_redis *f)
{
    sl_assert(f->ends == NULL);
    for (unsigned i = 0; i < f->pool_count; i++) {
        for (uint32_t j = 0; j < f->pools[i]->now.lists; j++)
            list_free(f->pools[i]->lists[j]);
        free(f->pools[i]->lists);
        free(f->pools[i]);
    }
    for (uint32_t i = 0; i < f->buried_count; i++)
        list_free(f->buried[i]);
    for (struct fake_answer *a = f->answers, *next; a != NULL; a = next) {
        next = a->next;
        free(a->bytes);
        free(a);
    }
    free(f->buried);
    free(f->pools);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

bool fake_draw(struct fake_redis *f, unsigned one_in)
{
    f->random = f->random * 6364136223846793005ull + 1442695040888963407ull;
    return (f->random >> 33) % one_in == 0;
}

/* ---- behaviour ---- */

static void poke(struct fake_redis *f)
{
    pthread_mutex_lock(&f->lock);
    for (struct fake_end *e = f->ends; e != NULL; e = e->next) {
        struct sl_mail *m = sl_xcalloc(1, sizeof *m);
        m->kind = FAKE_POKE;
        sl_mailbox_send(e->box, m);
    }
    pthread_mutex_unlock(&f->lock);
}

void fake_set_up(struct fake_redis *f, bool up)
{
    atomic_store(&f->up, up);
    poke(f);
}

void fake_set_feed_up(struct fake_redis *f, bool up)
{
    atomic_store(&f->feed_up, up);
    poke(f);
}

void fake_set_delay(struct fake_redis *f, uint64_t ns)
{
    atomic_store(&f->delay_ns, ns);
}

void fake_hold(struct fake_redis *f, enum sl_store_op kind)
{
    atomic_fetch_or(&f->held, 1u << kind);
}

void fake_release(struct fake_redis *f)
{
    atomic_store(&f->held, 0);
    poke(f);
}

void fake_fail(struct fake_redis *f, unsigned kind, unsigned n, enum sl_err err)
{
    pthread_mutex_lock(&f->lock);
    f->fail_kind = kind;
    f->fail_count = n;
    f->fail_err = err;
    pthread_mutex_unlock(&f->lock);
}

void fake_refuse(struct fake_redis *f, unsigned kind, unsigned n)
{
    pthread_mutex_lock(&f->lock);
    f->refuse_kind = kind;
    f->refuse_count = n;
    pthread_mutex_unlock(&f->lock);
}

/* The caller has the lock. */
static void begin_epoch(struct fake_redis *f)
{
    f->epoch++;
    f->run += !atomic_load(&f->up);
}

void fake_new_epoch(struct fake_redis *f)
{
    pthread_mutex_lock(&f->lock);
    begin_epoch(f);
    pthread_mutex_unlock(&f->lock);
}

struct sl_span fake_replid(const struct fake_redis *f, char text[static SL_REPLID_MAX + 1])
{
    int n = snprintf(text, SL_REPLID_MAX + 1, "%040" PRIx64, f->epoch);
    return sl_span(text, (size_t)n);
}

void fake_server(struct fake_redis *f, struct sl_store_server *ret)
{
    pthread_mutex_lock(&f->lock);
    snprintf(ret->run_id, sizeof ret->run_id, "%040" PRIx64, f->run);
    fake_replid(f, ret->replid);
    pthread_mutex_unlock(&f->lock);
}

/* ---- backups ---- */

static void copy_fields(const struct fake_list *l, struct fake_fields *to, const struct fake_fields *from)
{
    size_t bytes = sl_status_bytes(l->pool->size, l->pool->bits);
    fields_free(to);
    *to = *from;
    to->data = sl_xcalloc(1, bytes);
    memcpy(to->data, from->data, bytes);
    for (unsigned i = 0; i < from->marks_count; i++) {
        to->marks[i].bits = sl_xcalloc(1, fake_marks_bytes(l));
        memcpy(to->marks[i].bits, from->marks[i].bits, fake_marks_bytes(l));
    }
    to->returned = sl_xcalloc(from->returned_count + 1, sizeof *to->returned);
    if (from->returned_count > 0)
        memcpy(to->returned, from->returned, from->returned_count * sizeof *to->returned);
}

void fake_save(struct fake_redis *f)
{
    pthread_mutex_lock(&f->lock);
    for (unsigned i = 0; i < f->pool_count; i++) {
        struct fake_pool *p = f->pools[i];
        p->saved = p->now;
        for (uint32_t j = 0; j < p->now.lists; j++)
            copy_fields(p->lists[j], &p->lists[j]->saved, &p->lists[j]->now);
    }
    pthread_mutex_unlock(&f->lock);
}

void fake_restore(struct fake_redis *f)
{
    fake_new_epoch(f);
    fake_go_back(f);
}

void fake_go_back(struct fake_redis *f)
{
    pthread_mutex_lock(&f->lock);
    for (unsigned i = 0; i < f->pool_count; i++) {
        struct fake_pool *p = f->pools[i];
        for (uint32_t j = p->saved.lists; j < p->now.lists; j++) {
            f->buried = sl_xrealloc(f->buried, (f->buried_count + 1) * sizeof *f->buried);
            f->buried[f->buried_count++] = p->lists[j];
        }
        p->now = p->saved;
        for (uint32_t j = 0; j < p->now.lists; j++)
            copy_fields(p->lists[j], &p->lists[j]->now, &p->lists[j]->saved);
    }
    pthread_mutex_unlock(&f->lock);
}

void fake_change_over(struct fake_redis *f)
{
    fake_new_epoch(f);
    pthread_mutex_lock(&f->lock);
    for (unsigned i = 0; i < f->pool_count; i++) {
        struct fake_pool *p = f->pools[i];
        struct fake_counters counters = p->now;
        sl_assert(p->saved.lists == p->now.lists);
        p->now = p->saved;
        p->saved = counters;
        for (uint32_t j = 0; j < p->now.lists; j++) {
            struct fake_fields fields = p->lists[j]->now;
            p->lists[j]->now = p->lists[j]->saved;
            p->lists[j]->saved = fields;
        }
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- evidence ---- */

uint64_t fake_count(const struct fake_redis *f, enum sl_store_op kind)
{
    return atomic_load(&f->counts[kind]);
}

static struct fake_list *must_find(struct fake_redis *f, const struct sl_uuid *list)
{
    struct fake_list *l = fake_find(f, list);
    sl_assert(l != NULL);
    return l;
}

uint8_t fake_status(struct fake_redis *f, const struct sl_uuid *list, uint32_t index)
{
    pthread_mutex_lock(&f->lock);
    const struct fake_list *l = must_find(f, list);
    size_t bytes = sl_status_bytes(l->pool->size, l->pool->bits);
    uint8_t v = sl_status_get(l->now.data, bytes, l->pool->bits, index);
    pthread_mutex_unlock(&f->lock);
    return v;
}

uint64_t fake_version(struct fake_redis *f, const struct sl_uuid *list)
{
    pthread_mutex_lock(&f->lock);
    uint64_t v = must_find(f, list)->now.version;
    pthread_mutex_unlock(&f->lock);
    return v;
}

uint32_t fake_outstanding(struct fake_redis *f, const struct sl_uuid *list)
{
    pthread_mutex_lock(&f->lock);
    const struct fake_list *l = must_find(f, list);
    uint32_t n = l->now.cursor - l->now.returned_count;
    pthread_mutex_unlock(&f->lock);
    return n;
}

void fake_change(struct fake_redis *f, const struct sl_uuid *list, uint32_t index, uint8_t value)
{
    uint8_t result;
    pthread_mutex_lock(&f->lock);
    fake_update(f, must_find(f, list), NULL, -1, &(struct sl_change){index, value}, 1, &result);
    pthread_mutex_unlock(&f->lock);
}

uint32_t fake_list_count(struct fake_redis *f, const char *pool)
{
    pthread_mutex_lock(&f->lock);
    uint32_t n = fake_pool(f, pool)->now.lists;
    pthread_mutex_unlock(&f->lock);
    return n;
}

void fake_list_id(struct fake_redis *f, const char *pool, uint32_t i, struct sl_uuid *ret)
{
    pthread_mutex_lock(&f->lock);
    struct fake_pool *p = fake_pool(f, pool);
    sl_assert(i < p->now.lists);
    *ret = p->lists[i]->id;
    pthread_mutex_unlock(&f->lock);
}
