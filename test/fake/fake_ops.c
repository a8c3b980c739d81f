/* store/store.h without Redis: the operations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/status_list.h"
#include "fake_store.h"

FAKE_GIVES(agree, agreed)

enum sl_err sl_store_agree(struct sl_store *s, const char *pool, const struct sl_shared_options *mine,
                           bool write, sl_agreed_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_AGREE, arg, give_agree, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.agree = done;
    if (execute) {
        struct fake_pool *p = fake_pool(s->f, pool);
        char *before = sl_xcalloc(1, sizeof p->shared);
        memcpy(before, p->shared, sizeof p->shared);
        op->bytes = before;
        op->result.agreed = (struct sl_agreed){.size = p->size,
                                               .bits = (uint8_t)p->bits,
                                               .text = {before, strlen(before)},
                                               .other = {p->other, strlen(p->other)},
                                               .kept_ms = p->kept_ms,
                                               .cached_ms = p->cached_ms};
        if (write && p->other[0] == '\0' &&
            (p->size == 0 || (p->size == mine->size && p->bits == mine->bits)))
            snprintf(p->shared, sizeof p->shared, "%.*s", (int)mine->text.len, mine->text.at);
    }
    return fake_op_sent(s, op);
}

FAKE_GIVES(open_pool, pool)

enum sl_err sl_store_open_pool(struct sl_store *s, const char *pool, uint32_t size, unsigned bits,
                               const struct sl_pool_known *known, sl_pool_opened_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_OPEN_POOL, arg, give_open_pool, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.open_pool = done;
    if (execute) {
        struct fake_pool *p = fake_pool(s->f, pool);
        if (p->size == 0) {
            p->size = size;
            p->bits = bits;
        }
        op->result.pool = (struct sl_pool_opened){.size = p->size,
                                                  .bits = (uint8_t)p->bits,
                                                  .replid = fake_replid(s->f, op->text),
                                                  .lineage = p->now.lineage,
                                                  .lists = p->now.lists,
                                                  .run_id = sl_span(s->server.run_id, SL_REPLID_MAX)};
        fake_open(s->f, p, known, &op->result.pool);
    }
    return fake_op_sent(s, op);
}

static void give_pool_names(struct op *op)
{
    op->done.pool_names(op->arg, op->err, op->bytes, op->len);
}

enum sl_err sl_store_pool_names(struct sl_store *s, sl_pool_names_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_POOL_NAMES, arg, give_pool_names, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.pool_names = done;
    struct sl_span *names = op->bytes = sl_xcalloc(s->f->pool_count + 1, sizeof *names);
    op->len = op->err == SL_OK ? s->f->pool_count : 0;
    for (size_t i = 0; i < op->len; i++)
        names[i] = sl_span(s->f->pools[i]->name, strlen(s->f->pools[i]->name));
    return fake_op_sent(s, op);
}

static void give_tempos(struct op *op)
{
    op->done.tempos(op->arg, op->err, op->bytes, op->len);
}

enum sl_err sl_store_tempos(struct sl_store *s, sl_tempos_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_TEMPOS, arg, give_tempos, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.tempos = done;
    size_t room = s->f->pool_count * (sizeof s->f->pools[0]->peers / sizeof s->f->pools[0]->peers[0]);
    struct sl_tempo *tempos = op->bytes = sl_xcalloc(room + 1, sizeof *tempos);
    for (unsigned i = 0; execute && i < s->f->pool_count; i++) {
        const struct fake_pool *p = s->f->pools[i];
        for (unsigned j = 0; j < p->peer_count; j++) {
            tempos[op->len] = p->peers[j];
            tempos[op->len++].pool = sl_span(p->name, strlen(p->name));
        }
    }
    return fake_op_sent(s, op);
}

FAKE_GIVES(inherit, inherited)

enum sl_err sl_store_inherit(struct sl_store *s, const char *pool, const char run[static 17],
                             const struct sl_position *lists, uint32_t n, sl_inherited_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_INHERIT, arg, give_inherit, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.inherit = done;
    (void)pool;
    op->blocks = sl_xcalloc(n + 1, sizeof *op->blocks);
    if (execute)
        op->block_count = fake_inherit(s->f, run, s->setup.identity->run, lists, n, op->blocks);
    op->result.inherited = (struct sl_inherited){op->blocks, op->block_count};
    return fake_op_sent(s, op);
}

FAKE_GIVES(take, taken)

enum sl_err sl_store_take(struct sl_store *s, const char *pool, uint32_t want,
                          const struct sl_position *lists, uint32_t n, sl_taken_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_TAKE, arg, give_take, &execute);
    (void)pool; /* the ids say */
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.take = done;
    op->blocks = sl_xcalloc(n + 1, sizeof *op->blocks);
    op->bytes = sl_xcalloc(n + 1, sizeof(struct sl_uuid));
    if (execute)
        op->block_count =
            fake_take(s->f, s->setup.identity->run, want, lists, n, &op->result.taken, op->blocks, op->bytes);
    return fake_op_sent(s, op);
}

static void give_precreate(struct op *op)
{
    op->done.precreate(op->arg, op->err, op->records, op->err == SL_OK ? op->record_count : 0);
}

enum sl_err sl_store_precreate(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                               const struct sl_list_draft *drafts, size_t n, sl_precreated_cb *done,
                               void *arg)
{
    bool execute;
    (void)fence;
    struct op *op = fake_op_new(s, SL_OP_PRECREATE, arg, give_precreate, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.precreate = done;
    struct fake_pool *p = fake_pool(s->f, pool);
    op->records = sl_xcalloc(n + 1, sizeof *op->records);
    for (size_t i = 0; execute && i < n; i++) {
        struct fake_list *l = fake_find(s->f, &drafts[i].id);
        if (l == NULL)
            l = fake_create(s->f, p, &drafts[i], s->setup.identity->run);
        if (l->now.state == SL_LIST_OPEN && strcmp(l->now.owner, s->setup.identity->run) == 0)
            op->records[op->record_count++] = fake_record(l);
    }
    return fake_op_sent(s, op);
}

static void give_give_back(struct op *op)
{
    op->done.give_back(op->arg, op->err, (uint32_t)op->result.number);
}

enum sl_err sl_store_give_back(struct sl_store *s, const char *pool, const struct sl_position *list,
                               const uint32_t *indices, uint32_t n, sl_given_back_cb *done, void *arg)
{
    bool execute;
    (void)pool;
    struct op *op = fake_op_new(s, SL_OP_GIVE_BACK, arg, give_give_back, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.give_back = done;
    struct fake_list *l = fake_find(s->f, &list->list);
    if (execute && l != NULL)
        op->result.number = fake_give_back(l, s->setup.identity->run, indices, n);
    return fake_op_sent(s, op);
}

FAKE_GIVES(retire, retired)

enum sl_err sl_store_retire(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                            const struct sl_retire *question, sl_retired_cb *done, void *arg)
{
    bool execute;
    (void)fence;
    struct op *op = fake_op_new(s, SL_OP_RETIRE, arg, give_retire, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.retire = done;
    op->bytes = sl_xcalloc(question->asked + 1, sizeof(struct sl_uuid));
    if (execute)
        fake_retire(s->f, fake_pool(s->f, pool), question, op->bytes, &op->result.retired);
    return fake_op_sent(s, op);
}

FAKE_GIVES(mend, mended)

enum sl_err sl_store_mend(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                          const struct sl_mend *mend, sl_mended_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_MEND, arg, give_mend, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.mend = done;
    struct fake_pool *p = fake_pool(s->f, pool);
    if (execute && (!fake_passes(p, fence) || !fake_mend(s->f, p, mend, &op->result.mended)))
        op->err = SL_ERR_HISTORY;
    return fake_op_sent(s, op);
}

static void give_join_piece(struct op *op)
{
    op->done.join_piece(op->arg, op->err, op->err == SL_OK && op->result.number != 0);
}

enum sl_err sl_store_join_piece(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                                const struct sl_mend *mend, const struct sl_pieces *pieces, size_t from,
                                size_t len, sl_joined_piece_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_JOIN_PIECE, arg, give_join_piece, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.join_piece = done;
    struct fake_pool *p = fake_pool(s->f, pool);
    if (execute && !sl_lineage_equal(fence->lineage, p->now.lineage))
        op->err = SL_ERR_HISTORY;
    else if (execute)
        op->result.number = fake_join_piece(s->f, mend, pieces, from, len);
    return fake_op_sent(s, op);
}

FAKE_GIVES(join_end, mended)

enum sl_err sl_store_join_end(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                              const struct sl_mend *mend, const struct sl_pieces *pieces, int bound,
                              sl_mended_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_JOIN_END, arg, give_join_end, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.join_end = done;
    struct fake_pool *p = fake_pool(s->f, pool);
    if (execute &&
        (!fake_passes(p, fence) || !fake_join_end(s->f, p, mend, pieces, bound, &op->result.mended)))
        op->err = SL_ERR_HISTORY;
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
                             sl_changes_cb *done, void *arg)
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
    n = n < limit ? n : limit;
    op->result.changes =
        (struct sl_changes){.newest = p->now.change,
                            .replid = fake_replid(s->f, op->text),
                            .lineage = p->now.lineage,
                            .count = n,
                            .looked = (uint32_t)n,
                            .last = n > 0 ? op->records[n - 1].change : 0,
                            .time_ms = sl_wall_ms(s->f->clock) + atomic_load(&s->f->clock_ms)};
    return fake_op_sent(s, op);
}

static void give_describe(struct op *op)
{
    struct sl_described found = {.list = op->records};
    op->done.describe(op->arg, op->err, op->err == SL_OK ? &found : NULL);
}

enum sl_err sl_store_describe(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                              sl_described_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_DESCRIBE, arg, give_describe, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.describe = done;
    struct fake_list *l = fake_find(s->f, list);
    if (execute && l != NULL && strcmp(l->pool->name, pool) == 0) {
        op->records = sl_xcalloc(1, sizeof *op->records);
        *op->records = fake_record(l);
    }
    return fake_op_sent(s, op);
}

FAKE_GIVES(load, loaded)

static bool is_named(struct sl_lineage l, const struct sl_lineage *named, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (sl_lineage_equal(named[i], l))
            return true;
    return false;
}

static void copy_state(struct op *op, const struct fake_list *l, const struct sl_lineage *named, unsigned n)
{
    const struct fake_fields *x = &l->now;
    size_t len = sl_status_bytes(l->pool->size, l->pool->bits), each = fake_marks_bytes(l);
    uint8_t *bytes = op->bytes = sl_xcalloc(1, len), *bits = op->more = sl_xcalloc(x->marks_count + 1, each);
    struct sl_loaded *loaded = &op->result.loaded;
    memcpy(bytes, x->data, len);
    while (len > 0 && bytes[len - 1] == 0)
        len--; /* as a STRING that was never written so far */
    *loaded = (struct sl_loaded){.head = {x->at, x->version},
                                 .line = x->line,
                                 .bytes = sl_span((const char *)bytes, len),
                                 .marks = op->marks,
                                 .now_ms = (uint64_t)sl_wall_ms(op->clock)};
    for (unsigned i = 0; i < x->marks_count; i++) {
        if (!is_named(x->marks[i].lineage, named, n)) {
            loaded->more +=
                sl_line_version(&x->line, x->marks[i].lineage) > 0; /* or it has fallen out of it */
            continue;
        }
        uint8_t *copy = bits + loaded->marks_count * each;
        memcpy(copy, x->marks[i].bits, each);
        op->marks[loaded->marks_count++] =
            (struct sl_marks){x->marks[i].lineage, sl_span((const char *)copy, each)};
    }
}

enum sl_err sl_store_load(struct sl_store *s, const char *pool, const struct sl_uuid *list,
                          const struct sl_lineage *named, unsigned n, sl_loaded_cb *done, void *arg)
{
    bool execute;
    (void)pool;
    sl_assert(n <= SL_LINE_MAX);
    struct op *op = fake_op_new(s, SL_OP_LOAD, arg, give_load, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.load = done;
    op->clock = s->f->clock;
    struct fake_list *l = fake_find(s->f, list);
    if (execute && l == NULL)
        op->err = SL_ERR_NO_SUCH_LIST;
    else if (execute)
        copy_state(op, l, named, n);
    return fake_op_sent(s, op);
}

FAKE_GIVES(update, updated)

enum sl_err sl_store_update(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                            const struct sl_uuid *list, int final, const struct sl_change *changes,
                            uint32_t n, sl_updated_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_UPDATE, arg, give_update, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.update = done;
    struct fake_list *l = fake_find(s->f, list);
    op->bytes = sl_xcalloc(n + 1, 1);
    if (execute && l == NULL) {
        op->err = SL_ERR_NO_SUCH_LIST;
    } else if (execute && !fake_passes(fake_pool(s->f, pool), fence)) {
        op->err = SL_ERR_HISTORY;
    } else if (execute) {
        bool changed = fake_update(s->f, l, fence, final, changes, n, op->bytes);
        op->result.updated = (struct sl_updated){.version = l->now.version,
                                                 .changed = changed,
                                                 .count = n,
                                                 .results = op->bytes,
                                                 .at = l->now.at,
                                                 .change = l->pool->now.change};
    }
    return fake_op_sent(s, op);
}

FAKE_GIVES(batch, batched)

enum sl_err sl_store_batch(struct sl_store *s, const char *pool, const struct sl_fence *fence, int final,
                           const struct sl_batch_group *groups, uint32_t n, const struct sl_record_key *key,
                           sl_batched_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_BATCH, arg, give_batch, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.batch = done;
    struct fake_pool *p = fake_pool(s->f, pool);
    op->at = sl_xcalloc(n + 1, sizeof *op->at);
    for (uint32_t i = 0; i < n; i++)
        op->at[i] = p->now.lineage;
    op->bytes = sl_xcalloc(n + 1, sizeof(uint64_t));
    op->more = sl_xcalloc(n + 1, sizeof(bool));
    struct fake_answer *known = execute && key != NULL ? fake_recall(s->f, pool, key) : NULL;
    if (known != NULL)
        fake_batch_again(known, key, n, &op->result.batched, op->bytes, op->more);
    else if (execute && !fake_passes(p, fence))
        op->err = SL_ERR_HISTORY;
    else if (execute)
        fake_batch(s->f, fence, final, groups, n, &op->result.batched, op->bytes, op->more, op->at);
    if (execute && op->err == SL_OK && known == NULL && key != NULL && op->result.batched.refused == SL_OK)
        fake_bind(s->f, pool, key, op->bytes, n * sizeof(uint64_t));
    op->result.batched.at = op->at;
    op->result.batched.change = known != NULL ? 0 : p->now.change;
    return fake_op_sent(s, op);
}

FAKE_GIVES(remember, remembered)

enum sl_err sl_store_remember(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                              const struct sl_record_key *key, struct sl_span answer, sl_remembered_cb *done,
                              void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_REMEMBER, arg, give_remember, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.remember = done;
    if (execute && !fake_passes(fake_pool(s->f, pool), fence)) {
        op->err = SL_ERR_HISTORY;
        execute = false;
    }
    struct fake_answer *known = execute ? fake_recall(s->f, pool, key) : NULL;
    struct sl_remembered *remembered = &op->result.remembered;
    if (known != NULL && memcmp(known->key.fingerprint, key->fingerprint, sizeof key->fingerprint) != 0) {
        remembered->other = true;
    } else if (known != NULL) {
        op->bytes = sl_xcalloc(known->len + 1, 1);
        memcpy(op->bytes, known->bytes, known->len);
        remembered->answer = sl_span(op->bytes, known->len);
    } else if (execute && answer.len > 0) {
        fake_bind(s->f, pool, key, answer.at, answer.len);
        remembered->bound = true;
    }
    return fake_op_sent(s, op);
}

static void give_status(struct op *op)
{
    op->done.status(op->arg, op->err, op->value, op->head);
}

enum sl_err sl_store_status(struct sl_store *s, const char *pool, const struct sl_fence *fence,
                            const struct sl_uuid *list, uint32_t index, sl_status_cb *done, void *arg)
{
    bool execute;
    struct op *op = fake_op_new(s, SL_OP_STATUS, arg, give_status, &execute);
    if (op == NULL)
        return SL_ERR_UNAVAILABLE;
    op->done.status = done;
    struct fake_list *l = fake_find(s->f, list);
    if (execute && (l == NULL || index >= l->pool->size)) {
        op->err = l == NULL ? SL_ERR_NO_SUCH_LIST : SL_ERR_INDEX_OUT_OF_BOUNDS;
    } else if (execute && !fake_passes(fake_pool(s->f, pool), fence)) {
        op->err = SL_ERR_HISTORY;
    } else if (execute) {
        op->value =
            sl_status_get(l->now.data, sl_status_bytes(l->pool->size, l->pool->bits), l->pool->bits, index);
        op->head = (struct sl_head){l->now.at, l->now.version};
    }
    return fake_op_sent(s, op);
}
