/* store/store.h without Redis: the operations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/status_list.h"
#include "fake_store.h"

static void give_agreed(struct op *op)
{
    op->done.agreed(op->arg, op->err, op->err == SL_OK ? &op->result.agreed : NULL);
}

enum sl_err sl_store_agree(struct sl_store *s, const char *pool, const struct sl_shared_options *mine,
                           bool write, void (*done)(void *arg, enum sl_err err, const struct sl_agreed *r),
                           void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_AGREE, arg, give_agreed, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.agreed = done;
    if (execute) {
        struct fake_pool *p = fake_pool(s->f, pool);
        char *before = sl_xcalloc(1, sizeof p->shared);
        memcpy(before, p->shared, sizeof p->shared);
        op->bytes = before;
        op->result.agreed = (struct sl_agreed){.size = p->size,
                                               .bits = (uint8_t)p->bits,
                                               .text = {before, strlen(before)},
                                               .other = {p->other, strlen(p->other)}};
        if (write && p->other[0] == '\0' &&
            (p->size == 0 || (p->size == mine->size && p->bits == mine->bits)))
            snprintf(p->shared, sizeof p->shared, "%.*s", (int)mine->text.len, mine->text.at);
    }
    return fake_op_sent(s, op);
}

static void give_pool(struct op *op)
{
    op->done.pool(op->arg, op->err, op->err == SL_OK ? &op->result.pool : NULL);
}

enum sl_err sl_store_open_pool(struct sl_store *s, const char *pool, uint32_t size, unsigned bits,
                               void (*done)(void *arg, enum sl_err err, const struct sl_pool_opened *r),
                               void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_OPEN_POOL, arg, give_pool, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.pool = done;
    if (execute) {
        struct fake_pool *p = fake_pool(s->f, pool);
        if (p->size == 0) {
            p->size = size;
            p->bits = bits;
        }
        op->result.pool = (struct sl_pool_opened){.size = p->size,
                                                  .bits = (uint8_t)p->bits,
                                                  .lists = p->now.lists,
                                                  .taken = p->now.taken,
                                                  .change = p->now.change,
                                                  .foreign = fake_foreign(s->f, p)};
    }
    return fake_op_sent(s, op);
}

static void give_names(struct op *op)
{
    op->done.names(op->arg, op->err, op->bytes, op->len);
}

enum sl_err sl_store_pool_names(struct sl_store *s,
                                void (*done)(void *arg, enum sl_err err, const struct sl_span *names,
                                             size_t n),
                                void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_POOL_NAMES, arg, give_names, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.names = done;
    struct sl_span *names = op->bytes = sl_xcalloc(s->f->pool_count + 1, sizeof *names);
    op->len = op->err == SL_OK ? s->f->pool_count : 0;
    for (size_t i = 0; i < op->len; i++)
        names[i] = sl_span(s->f->pools[i]->name, strlen(s->f->pools[i]->name));
    return fake_op_sent(s, op);
}

static void give_adopted(struct op *op)
{
    op->done.adopted(op->arg, op->err, op->result.number);
}

enum sl_err sl_store_adopt(struct sl_store *s, const char *pool, uint64_t mark,
                           void (*done)(void *arg, enum sl_err err, int64_t adopted), void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_ADOPT, arg, give_adopted, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.adopted = done;
    struct fake_pool *p = fake_pool(s->f, pool);
    if (execute && p->now.taken < mark) {
        op->result.number = -1;
    } else if (execute) {
        op->result.number = fake_foreign(s->f, p);
        for (uint32_t i = 0; i < p->now.lists; i++)
            if (p->lists[i]->now.state == SL_LIST_OPEN)
                p->lists[i]->now.epoch = s->f->epoch;
    }
    return fake_op_sent(s, op);
}

static void give_taken(struct op *op)
{
    op->done.taken(op->arg, op->err, op->err == SL_OK ? &op->result.taken : NULL);
}

enum sl_err sl_store_take(struct sl_store *s, const char *pool, uint32_t want, uint32_t min_age_ms,
                          const struct sl_list_draft drafts[static 2],
                          void (*done)(void *arg, enum sl_err err, const struct sl_taken *r), void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_TAKE, arg, give_taken, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.taken = done;
    if (execute) {
        struct fake_pool *p = fake_pool(s->f, pool);
        op->blocks = sl_xcalloc(p->now.lists + 3, sizeof *op->blocks);
        uint32_t n = fake_take(s->f, p, want, min_age_ms, drafts, &op->result.taken, op->blocks);
        op->result.taken.blocks = op->blocks;
        op->result.taken.block_count = n;
    }
    return fake_op_sent(s, op);
}

static void give_made(struct op *op)
{
    op->done.made(op->arg, op->err, op->records, op->err == SL_OK ? op->record_count : 0);
}

enum sl_err sl_store_precreate(
    struct sl_store *s, const char *pool, uint32_t spares, const struct sl_list_draft *drafts, size_t n,
    void (*done)(void *arg, enum sl_err err, const struct sl_list_record *made, size_t n), void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_PRECREATE, arg, give_made, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.made = done;
    struct fake_pool *p = fake_pool(s->f, pool);
    op->records = sl_xcalloc(n + 1, sizeof *op->records);
    for (size_t i = 0; execute && i < n && fake_spares(s->f, p) < spares; i++)
        op->records[op->record_count++] = fake_record(fake_create(s->f, p, &drafts[i]));
    return fake_op_sent(s, op);
}

static void give_accepted(struct op *op)
{
    op->done.accepted(op->arg, op->err, (uint32_t)op->result.number);
}

enum sl_err sl_store_give_back(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                               const uint32_t *indices, uint32_t n,
                               void (*done)(void *arg, enum sl_err err, uint32_t accepted), void *arg)
{
    bool execute;
    (void)pool;
    struct op *op = fake_op_new(s, SL_OP_GIVE_BACK, arg, give_accepted, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.accepted = done;
    struct fake_list *l = fake_find(s->f, list);
    if (execute && l != NULL)
        op->result.number = fake_give_back(s->f, l, indices, n);
    return fake_op_sent(s, op);
}

static void give_retired(struct op *op)
{
    op->done.retired(op->arg, op->err, op->err == SL_OK ? &op->result.retired : NULL);
}

enum sl_err sl_store_retire(struct sl_store *s, const char *pool, const struct sl_retire *r,
                            void (*done)(void *arg, enum sl_err err, const struct sl_retired *r), void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_RETIRE, arg, give_retired, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.retired = done;
    op->bytes = sl_xcalloc(r->asked + 1, sizeof(struct sl_uuid));
    if (execute)
        fake_retire(s->f, fake_pool(s->f, pool), r, op->bytes, &op->result.retired);
    return fake_op_sent(s, op);
}

static void give_mended(struct op *op)
{
    op->done.mended(op->arg, op->err, op->version, (enum sl_mended)op->result.number);
}

enum sl_err sl_store_mend(struct sl_store *s, const char *pool, const struct sl_mend *m,
                          void (*done)(void *arg, enum sl_err err, uint64_t version, enum sl_mended what),
                          void *arg)
{
    bool execute;
    enum sl_mended what;
    struct op *op = fake_op_new(s, SL_OP_MEND, arg, give_mended, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.mended = done;
    if (execute) {
        op->version = fake_mend(s->f, fake_pool(s->f, pool), m, &what);
        op->result.number = what;
    }
    return fake_op_sent(s, op);
}

static void give_changes(struct op *op)
{
    op->result.changes.lists = op->records;
    op->done.changes(op->arg, op->err, op->err == SL_OK ? &op->result.changes : NULL);
}

static int by_change(const void *a, const void *b)
{
    const struct sl_list_record *x = a, *y = b;
    return x->change < y->change ? -1 : x->change > y->change;
}

enum sl_err sl_store_changes(struct sl_store *s, const char *pool, uint64_t since, uint32_t limit,
                             void (*done)(void *arg, enum sl_err err, const struct sl_changes *r), void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_CHANGES, arg, give_changes, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.changes = done;
    struct fake_pool *p = fake_pool(s->f, pool);
    op->records = sl_xcalloc(p->now.lists + 1, sizeof *op->records);
    size_t n = 0;
    for (uint32_t i = 0; execute && i < p->now.lists; i++)
        if (p->lists[i]->now.change > since && !p->lists[i]->now.gone)
            op->records[n++] = fake_record(p->lists[i]);
    qsort(op->records, n, sizeof *op->records, by_change);
    op->result.changes = (struct sl_changes){.newest = p->now.change, .count = n < limit ? n : limit};
    return fake_op_sent(s, op);
}

static void give_record(struct op *op)
{
    op->done.record(op->arg, op->err, op->err == SL_OK ? op->records : NULL);
}

enum sl_err sl_store_describe(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                              void (*done)(void *arg, enum sl_err err, const struct sl_list_record *r),
                              void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_DESCRIBE, arg, give_record, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.record = done;
    struct fake_list *l = fake_find(s->f, list);
    if (execute && l != NULL && strcmp(l->pool->name, pool) == 0) {
        op->records = sl_xcalloc(1, sizeof *op->records);
        *op->records = fake_record(l);
    }
    return fake_op_sent(s, op);
}

static void give_loaded(struct op *op)
{
    op->done.loaded(op->arg, op->err, op->version, sl_span(op->bytes, op->len));
}

enum sl_err sl_store_load(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                          void (*done)(void *arg, enum sl_err err, uint64_t version, struct sl_span bytes),
                          void *arg)
{
    bool execute;
    (void)pool;
    struct op *op = fake_op_new(s, SL_OP_LOAD, arg, give_loaded, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.loaded = done;
    struct fake_list *l = fake_find(s->f, list);
    if (execute && l == NULL) {
        op->err = SL_ERR_NO_SUCH_LIST;
    } else if (execute) {
        op->version = l->now.version;
        op->len = sl_status_bytes(l->pool->size, l->pool->bits);
        op->bytes = sl_xcalloc(1, op->len);
        memcpy(op->bytes, l->now.data, op->len);
        while (op->len > 0 && ((const char *)op->bytes)[op->len - 1] == 0)
            op->len--; /* as a STRING that was never written so far */
    }
    return fake_op_sent(s, op);
}

static void give_updated(struct op *op)
{
    op->done.updated(op->arg, op->err, op->err == SL_OK ? &op->result.updated : NULL);
}

enum sl_err sl_store_update(struct sl_store *s, const char *pool, const struct sl_uuid *list, int final,
                            const struct sl_change *changes, uint32_t n,
                            void (*done)(void *arg, enum sl_err err, const struct sl_updated *r), void *arg)
{
    bool execute;
    (void)pool;
    struct op *op = fake_op_new(s, SL_OP_UPDATE, arg, give_updated, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.updated = done;
    struct fake_list *l = fake_find(s->f, list);
    op->bytes = sl_xcalloc(n + 1, 1);
    if (execute && l == NULL) {
        op->err = SL_ERR_NO_SUCH_LIST;
    } else if (execute) {
        bool changed = fake_update(s->f, l, final, changes, n, op->bytes);
        op->result.updated = (struct sl_updated){l->now.version, changed, n, op->bytes};
    }
    return fake_op_sent(s, op);
}

static void give_batched(struct op *op)
{
    op->done.batched(op->arg, op->err, op->err == SL_OK ? &op->result.batched : NULL);
}

enum sl_err sl_store_batch(struct sl_store *s, const char *pool, int final,
                           const struct sl_batch_group *groups, uint32_t n, const struct sl_record_key *key,
                           void (*done)(void *arg, enum sl_err err, const struct sl_batched *r), void *arg)
{
    bool execute;
    (void)pool;
    struct op *op = fake_op_new(s, SL_OP_BATCH, arg, give_batched, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.batched = done;
    op->bytes = sl_xcalloc(n + 1, sizeof(uint64_t));
    op->more = sl_xcalloc(n + 1, sizeof(bool));
    struct fake_answer *known = execute && key != NULL ? fake_recall(s->f, pool, key) : NULL;
    if (known != NULL)
        fake_batch_again(known, key, n, &op->result.batched, op->bytes, op->more);
    else if (execute)
        fake_batch(s->f, final, groups, n, &op->result.batched, op->bytes, op->more);
    if (execute && known == NULL && key != NULL && op->result.batched.refused == SL_OK)
        fake_bind(s->f, pool, key, op->bytes, n * sizeof(uint64_t));
    return fake_op_sent(s, op);
}

static void give_remembered(struct op *op)
{
    op->done.remembered(op->arg, op->err, op->err == SL_OK ? &op->result.remembered : NULL);
}

enum sl_err sl_store_remember(struct sl_store *s, const char *pool, const struct sl_record_key *key,
                              struct sl_span answer,
                              void (*done)(void *arg, enum sl_err err, const struct sl_remembered *r),
                              void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_REMEMBER, arg, give_remembered, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.remembered = done;
    struct fake_answer *known = execute ? fake_recall(s->f, pool, key) : NULL;
    struct sl_remembered *r = &op->result.remembered;
    if (known != NULL && memcmp(known->key.fingerprint, key->fingerprint, sizeof key->fingerprint) != 0) {
        r->other = true;
    } else if (known != NULL) {
        op->bytes = sl_xcalloc(known->len + 1, 1);
        memcpy(op->bytes, known->bytes, known->len);
        r->answer = sl_span(op->bytes, known->len);
    } else if (execute && answer.len > 0) {
        fake_bind(s->f, pool, key, answer.at, answer.len);
        r->bound = true;
    }
    return fake_op_sent(s, op);
}

static void give_status(struct op *op)
{
    op->done.status(op->arg, op->err, op->value, op->version);
}

enum sl_err sl_store_status(struct sl_store *s, const char *pool, const struct sl_uuid *list, uint32_t index,
                            void (*done)(void *arg, enum sl_err err, uint8_t value, uint64_t version),
                            void *arg)
{
    bool execute;
    (void)pool;
    struct op *op = fake_op_new(s, SL_OP_STATUS, arg, give_status, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.status = done;
    struct fake_list *l = fake_find(s->f, list);
    if (execute && (l == NULL || index >= l->pool->size)) {
        op->err = l == NULL ? SL_ERR_NO_SUCH_LIST : SL_ERR_INDEX_OUT_OF_BOUNDS;
    } else if (execute) {
        op->value =
            sl_status_get(l->now.data, sl_status_bytes(l->pool->size, l->pool->bits), l->pool->bits, index);
        op->version = l->now.version;
    }
    return fake_op_sent(s, op);
}
