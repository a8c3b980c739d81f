/* Statuses on a real Redis: single updates, batches, loads; and batches against a naive model. */
#include "store_fixture.h"

#include "core/status_list.h"

static struct fixture f;

static void update(const char *pool, const struct sl_uuid *id, int final, const struct sl_change *c,
                   uint32_t n)
{
    AWAIT(&f, sl_store_update(f.store, pool, fixture_fence(&f, pool), id, final, c, n, on_updated, NULL));
}

static void each_change_has_a_result_of_its_own(void **state)
{
    (void)state;
    struct sl_uuid id = fixture_list(&f, "u", 16, 2);
    const struct sl_change c[] = {{3, 2}, {3, 2}, {16, 1}, {5, 0}, {4, 1}, {4, 2}, {0, 3}, {UINT32_MAX, 0}};
    update("u", &id, 1, c, 8);
    assert_int_equal(got.err, SL_OK);
    assert_string_equal(got.results, "10I01F1I");
    assert_true(got.changed);
    assert_int_equal(got.version, 1);
    update("u", &id, 1, c, 1);
    assert_string_equal(got.results, "0");
    assert_false(got.changed);
    assert_int_equal(got.version, 1);
    AWAIT(&f, sl_store_load(f.store, "u", &id, NULL, 0, on_load, NULL));
    assert_int_equal(got.version, 1);
    assert_int_equal(sl_status_get(got.bytes, got.len, 2, 3), 2);
    assert_int_equal(sl_status_get(got.bytes, got.len, 2, 4), 1);
    assert_int_equal(sl_status_get(got.bytes, got.len, 2, 0), 3);
}

static void a_value_too_large_changes_nothing(void **state)
{
    (void)state;
    struct sl_uuid id = fixture_list(&f, "v", 16, 2);
    const struct sl_change c[] = {{1, 1}, {2, 4}};
    update("v", &id, -1, c, 2);
    assert_int_equal(got.err, SL_ERR_VALUE_OUT_OF_RANGE);
    AWAIT(&f, sl_store_status(f.store, "v", fixture_fence(&f, "v"), &id, 1, on_status, NULL));
    assert_int_equal(got.value, 0);
    assert_int_equal(got.version, 0);
}

static void what_is_not_there(void **state)
{
    (void)state;
    struct sl_uuid id = fixture_list(&f, "n", 16, 1), other = sl_uuid_v4(&sl_clock_system);
    struct sl_change c = {1, 1};
    update("n", &other, -1, &c, 1);
    assert_int_equal(got.err, SL_ERR_NO_SUCH_LIST);
    update("foreign", &id, -1, &c, 1);
    assert_int_equal(got.err, SL_ERR_NO_SUCH_LIST);
    AWAIT(&f, sl_store_load(f.store, "n", &other, NULL, 0, on_load, NULL));
    assert_int_equal(got.err, SL_ERR_NO_SUCH_LIST);
    AWAIT(&f, sl_store_status(f.store, "n", fixture_fence(&f, "n"), &other, 0, on_status, NULL));
    assert_int_equal(got.err, SL_ERR_NO_SUCH_LIST);
    AWAIT(&f, sl_store_status(f.store, "n", fixture_fence(&f, "n"), &id, 16, on_status, NULL));
    assert_int_equal(got.err, SL_ERR_INDEX_OUT_OF_BOUNDS);
    AWAIT(&f, sl_store_load(f.store, "n", &id, NULL, 0, on_load, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.len, 0); /* nothing was ever set */
    update("n", &id, -1, &(struct sl_change){9, 1}, 1);
    AWAIT(&f, sl_store_load(f.store, "n", &id, NULL, 0, on_load, NULL));
    assert_int_equal(got.len, 2);
    assert_int_equal(got.bytes[1], 2);
}

static void many_changes_in_one_update(void **state)
{
    (void)state;
    enum { N = 7000 };
    static struct sl_change c[N];
    struct sl_uuid id = fixture_list(&f, "many", 100000, 4);
    for (uint32_t i = 0; i < N; i++)
        c[i] = (struct sl_change){(uint32_t)(i * 7919u % 100000u), (uint8_t)(1 + i % 15)};
    update("many", &id, -1, c, N);
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(strspn(got.results, "1"), N);
    assert_int_equal(got.version, 1);
    AWAIT(&f, sl_store_load(f.store, "many", &id, NULL, 0, on_load, NULL));
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(sl_status_get(got.bytes, got.len, 4, c[i].index), c[i].value);
}

static void a_batch_is_all_or_nothing(void **state)
{
    (void)state;
    struct sl_uuid one = fixture_list(&f, "one", 16, 1), two;
    struct sl_list_draft d[2] = {draft(), draft()};
    AWAIT(&f, sl_store_precreate(f.store, "one", fixture_fence(&f, "one"), d, 2, on_records, NULL));
    two = d[0].id;
    const struct sl_change c1[] = {{0, 1}, {1, 1}}, good[] = {{5, 1}}, outside[] = {{5, 1}, {16, 1}},
                           final[] = {{6, 1}, {6, 0}};
    const uint32_t p1[] = {0, 2}, p2[] = {1, 3};
    struct sl_batch_group g[2] = {{one, c1, p1, 2}, {two, outside, p2, 2}};
    uint32_t n = 2;
    AWAIT(&f, sl_store_batch(f.store, "one", fixture_fence(&f, "one"), -1, g, n, NULL, on_batched, &n));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.batched.refused, SL_ERR_INDEX_OUT_OF_BOUNDS);
    assert_int_equal(got.batched.refused_position, 3);
    g[1].changes = final;
    AWAIT(&f, sl_store_batch(f.store, "one", fixture_fence(&f, "one"), 1, g, n, NULL, on_batched, &n));
    assert_int_equal(got.batched.refused, SL_ERR_FORBIDDEN);
    assert_int_equal(got.batched.refused_position, 3);
    g[1].list = sl_uuid_v4(&sl_clock_system);
    AWAIT(&f, sl_store_batch(f.store, "one", fixture_fence(&f, "one"), -1, g, n, NULL, on_batched, &n));
    assert_int_equal(got.batched.refused, SL_ERR_NO_SUCH_REFERENCE);
    assert_int_equal(got.batched.refused_position, 1);
    AWAIT(&f, sl_store_load(f.store, "one", &one, NULL, 0, on_load, NULL));
    assert_int_equal(got.version, 0);
    assert_int_equal(got.len, 0);
    g[1] = (struct sl_batch_group){two, good, p2, 1};
    AWAIT(&f, sl_store_batch(f.store, "one", fixture_fence(&f, "one"), -1, g, n, NULL, on_batched, &n));
    assert_int_equal(got.batched.refused, SL_OK);
    assert_int_equal(got.versions[0], 1);
    assert_true(got.flags[1]);
    g[0].changes = (const struct sl_change[]){{0, 1}, {2, 1}};
    AWAIT(&f, sl_store_batch(f.store, "one", fixture_fence(&f, "one"), -1, g, n, NULL, on_batched, &n));
    assert_int_equal(got.versions[0], 2);
    assert_int_equal(got.versions[1], 1);
    assert_false(got.flags[1]);
}

/* ---- model ---- */

enum { LISTS = 3, SIZE = 40, PER_GROUP = 12 };

struct model {
    uint8_t status[LISTS][SIZE];
    uint64_t version[LISTS];
};

static enum sl_err model_batch(struct model *m, int final, const struct sl_batch_group *g,
                               const unsigned *lists, uint32_t n, uint32_t *position)
{
    struct model trial = *m;
    bool dirty[LISTS] = {false};
    for (uint32_t i = 0; i < n; i++) {
        enum sl_err err = SL_OK;
        /* Indices of a group are judged before its statuses. */
        for (uint32_t j = 0; j < g[i].count && err == SL_OK; j++)
            if (g[i].changes[j].index >= SIZE) {
                *position = g[i].positions[j];
                err = SL_ERR_INDEX_OUT_OF_BOUNDS;
            }
        for (uint32_t j = 0; j < g[i].count && err == SL_OK; j++) {
            uint8_t *at = &trial.status[lists[i]][g[i].changes[j].index];
            if (*at == g[i].changes[j].value)
                continue;
            if (*at == final) {
                *position = g[i].positions[j];
                err = SL_ERR_FORBIDDEN;
            } else {
                *at = g[i].changes[j].value;
                dirty[lists[i]] = true;
            }
        }
        if (err != SL_OK)
            return err;
    }
    for (unsigned l = 0; l < LISTS; l++)
        trial.version[l] += dirty[l];
    *m = trial;
    return SL_OK;
}

static void compare(const struct model *m, const char *pool, const struct sl_uuid *ids, unsigned bits)
{
    for (unsigned l = 0; l < LISTS; l++) {
        AWAIT(&f, sl_store_load(f.store, pool, &ids[l], NULL, 0, on_load, NULL));
        assert_int_equal(got.version, m->version[l]);
        for (uint32_t i = 0; i < SIZE; i++)
            assert_int_equal(sl_status_get(got.bytes, got.len, bits, i), m->status[l][i]);
    }
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)sl_random_below(&sl_clock_system, n);
}

static void one_random_batch(struct model *m, const char *pool, const struct sl_uuid *ids, unsigned bits,
                             int final)
{
    struct sl_change c[LISTS][PER_GROUP];
    uint32_t p[LISTS][PER_GROUP], at = 0, n = 1 + below(LISTS), want_at = 0;
    struct sl_batch_group g[LISTS];
    unsigned lists[LISTS];
    for (uint32_t i = 0; i < n; i++) {
        lists[i] = below(LISTS); /* the same list may come twice */
        uint32_t count = 1 + below(PER_GROUP);
        for (uint32_t j = 0; j < count; j++) {
            c[i][j] = (struct sl_change){below(60) == 0 ? SIZE : below(SIZE), (uint8_t)below(1u << bits)};
            p[i][j] = at++ * 3;
        }
        g[i] = (struct sl_batch_group){ids[lists[i]], c[i], p[i], count};
    }
    enum sl_err want = model_batch(m, final, g, lists, n, &want_at);
    AWAIT(&f, sl_store_batch(f.store, pool, fixture_fence(&f, pool), final, g, n, NULL, on_batched, &n));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.batched.refused, want);
    if (want != SL_OK) {
        assert_int_equal(got.batched.refused_position, want_at);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(got.versions[i], m->version[lists[i]]);
}

static void batches_do_what_the_model_does(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 8; bits *= 2) {
        for (int final = -1; final <= 1; final += 2) {
            char pool[16];
            struct sl_list_draft d[LISTS] = {draft(), draft(), draft()};
            struct sl_uuid ids[LISTS] = {d[0].id, d[1].id, d[2].id};
            struct model m = {0};
            snprintf(pool, sizeof pool, "m%u_%d", bits, final + 1);
            AWAIT(&f, sl_store_open_pool(f.store, pool, SIZE, bits, NULL, on_pool, NULL));
            AWAIT(&f, sl_store_precreate(f.store, pool, fixture_fence(&f, pool), d, LISTS, on_records, NULL));
            assert_int_equal(got.count, LISTS);
            for (int round = 0; round < 60; round++)
                one_random_batch(&m, pool, ids, bits, final);
            compare(&m, pool, ids, bits);
        }
    }
}

/* Few changes far apart are written one by one, others as one piece of the list: both over the same lists. */
static void sparse_and_dense_batches_agree(void **state)
{
    (void)state;
    enum { ENTRIES = 80000, SET = 200 };
    for (unsigned bits = 1; bits <= 8; bits *= 2) {
        char pool[16];
        struct sl_list_draft d[1] = {draft()};
        static uint8_t model[ENTRIES];
        static struct sl_change c[SET];
        static uint32_t p[SET];
        uint32_t n = 1;
        memset(model, 0, sizeof model);
        snprintf(pool, sizeof pool, "sd%u", bits);
        AWAIT(&f, sl_store_open_pool(f.store, pool, ENTRIES, bits, NULL, on_pool, NULL));
        AWAIT(&f, sl_store_precreate(f.store, pool, fixture_fence(&f, pool), d, 1, on_records, NULL));
        for (unsigned round = 0; round < 12; round++) {
            uint32_t count = round % 2 ? SET : 3, from = round % 4 == 1 ? below(ENTRIES - 500) : 0;
            uint32_t span = round % 4 == 1 ? 500 : ENTRIES;
            for (uint32_t i = 0; i < count; i++) {
                c[i] = (struct sl_change){from + below(span), (uint8_t)below(1u << bits)};
                p[i] = i;
            }
            struct sl_batch_group g = {d[0].id, c, p, count};
            AWAIT(&f,
                  sl_store_batch(f.store, pool, fixture_fence(&f, pool), -1, &g, n, NULL, on_batched, &n));
            assert_int_equal(got.batched.refused, SL_OK);
            for (uint32_t i = 0; i < count; i++)
                model[c[i].index] = c[i].value;
            c[count - 1].index = ENTRIES; /* refused as a whole */
            c[0].value = (uint8_t)((1u << bits) - 1 - model[c[0].index]);
            AWAIT(&f,
                  sl_store_batch(f.store, pool, fixture_fence(&f, pool), -1, &g, n, NULL, on_batched, &n));
            assert_int_equal(got.batched.refused, SL_ERR_INDEX_OUT_OF_BOUNDS);
            assert_int_equal(got.batched.refused_position, count - 1);
        }
        AWAIT(&f, sl_store_load(f.store, pool, &d[0].id, NULL, 0, on_load, NULL));
        for (uint32_t i = 0; i < ENTRIES; i++)
            assert_int_equal(i * bits / 8 < got.len ? sl_status_get(got.bytes, got.len, bits, i) : 0,
                             model[i]);
    }
}

static void a_batch_of_many(void **state)
{
    (void)state;
    enum { N = 9000 };
    static struct sl_change c[2][N];
    static uint32_t p[N];
    struct sl_list_draft d[2] = {draft(), draft()};
    AWAIT(&f, sl_store_open_pool(f.store, "big", 50000, 1, NULL, on_pool, NULL));
    AWAIT(&f, sl_store_precreate(f.store, "big", fixture_fence(&f, "big"), d, 2, on_records, NULL));
    for (uint32_t i = 0; i < N; i++) {
        p[i] = i;
        c[0][i] = (struct sl_change){i * 5, 1};
        c[1][i] = (struct sl_change){49999 - i * 3, 1};
    }
    struct sl_batch_group g[2] = {{d[0].id, c[0], p, N}, {d[1].id, c[1], p, N}};
    uint32_t n = 2;
    AWAIT(&f, sl_store_batch(f.store, "big", fixture_fence(&f, "big"), 1, g, n, NULL, on_batched, &n));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.batched.refused, SL_OK);
    AWAIT(&f, sl_store_load(f.store, "big", &d[1].id, NULL, 0, on_load, NULL));
    assert_int_equal(got.len, 6250);
    uint32_t set = 0;
    for (uint32_t i = 0; i < 50000; i++)
        set += sl_status_get(got.bytes, got.len, 1, i);
    assert_int_equal(set, N);
    assert_int_equal(sl_status_get(got.bytes, got.len, 1, 49999 - 3 * 8999), 1);
}

/* ---- answers that are bound to a key ---- */

static void remember(const char *pool, const struct sl_record_key *key, const char *answer)
{
    AWAIT(&f, sl_store_remember(f.store, pool, fixture_fence(&f, pool), key, sl_span(answer, strlen(answer)),
                                on_remembered, NULL));
    assert_int_equal(got.err, SL_OK);
}

static void the_first_answer_stays(void **state)
{
    (void)state;
    struct sl_record_key key = {{1, 0, 255}, {'"', 0, 7}, 60000}, other = key, later = key;
    remember("r", &key, "");
    assert_true(!remembered.bound && !remembered.other && remembered.answer[0] == 0);
    remember("r", &key, "one");
    assert_true(remembered.bound && remembered.answer[0] == 0);
    remember("r", &key, "two");
    assert_true(!remembered.bound);
    assert_string_equal(remembered.answer, "one");
    remember("r", &key, "");
    assert_string_equal(remembered.answer, "one");
    other.fingerprint[31] = 1;
    remember("r", &other, "three");
    assert_true(remembered.other && !remembered.bound && remembered.answer[0] == 0);
    remember("elsewhere", &other, "four");
    assert_true(remembered.bound);
    later.id[31] = 9;
    later.keep_ms = 50;
    remember("r", &later, "five");
    assert_true(remembered.bound);
    usleep(80000);
    remember("r", &later, "six");
    assert_true(remembered.bound);
    assert_in_range(atoi(cli(&f.server, "pttl 'statuslist:{r}:idempotency:0100ff%058d'", 0)), 1, 60000);
}

static void a_batch_under_a_key_is_written_once(void **state)
{
    (void)state;
    struct sl_list_draft d[2] = {draft(), draft()};
    AWAIT(&f, sl_store_open_pool(f.store, "k", 80, 1, NULL, on_pool, NULL));
    AWAIT(&f, sl_store_precreate(f.store, "k", fixture_fence(&f, "k"), d, 2, on_records, NULL));
    struct sl_record_key key = {{7}, {8}, 60000}, other = key;
    const struct sl_change set[] = {{3, 1}}, back[] = {{3, 0}}, outside[] = {{80, 1}};
    const uint32_t p[] = {0, 1};
    struct sl_batch_group g[2] = {{d[0].id, outside, p, 1}, {d[1].id, set, p + 1, 1}};
    uint32_t n = 2;
    /* A batch that was refused is bound to nothing. */
    AWAIT(&f, sl_store_batch(f.store, "k", fixture_fence(&f, "k"), -1, g, n, &key, on_batched, &n));
    assert_int_equal(got.batched.refused, SL_ERR_INDEX_OUT_OF_BOUNDS);
    g[0].changes = set;
    AWAIT(&f, sl_store_batch(f.store, "k", fixture_fence(&f, "k"), -1, g, n, &key, on_batched, &n));
    assert_int_equal(got.batched.refused, SL_OK);
    assert_true(!got.batched.repeated && got.flags[0] && got.versions[1] == 1);
    g[0].changes = back;
    AWAIT(&f, sl_store_batch(f.store, "k", fixture_fence(&f, "k"), -1, g, n, NULL, on_batched, &n));
    assert_int_equal(got.versions[0], 2);
    g[0].changes = set;
    AWAIT(&f, sl_store_batch(f.store, "k", fixture_fence(&f, "k"), -1, g, n, &key, on_batched, &n));
    assert_int_equal(got.batched.refused, SL_OK);
    assert_true(got.batched.repeated && !got.flags[0] && !got.flags[1]);
    assert_true(got.versions[0] == 1 && got.versions[1] == 1); /* the first answer */
    AWAIT(&f, sl_store_status(f.store, "k", fixture_fence(&f, "k"), &d[0].id, 3, on_status, NULL));
    assert_true(got.value == 0 && got.version == 2);
    other.fingerprint[0] = 9;
    AWAIT(&f, sl_store_batch(f.store, "k", fixture_fence(&f, "k"), -1, g, n, &other, on_batched, &n));
    assert_int_equal(got.batched.refused, SL_ERR_IDEMPOTENCY_KEY_REUSED);
    AWAIT(&f, sl_store_status(f.store, "k", fixture_fence(&f, "k"), &d[0].id, 3, on_status, NULL));
    assert_int_equal(got.version, 2);
}

static void the_status_as_redis_has_it(void **state)
{
    (void)state;
    struct sl_uuid id = fixture_list(&f, "s", 100, 4);
    update("s", &id, -1, &(struct sl_change){99, 11}, 1);
    AWAIT(&f, sl_store_status(f.store, "s", fixture_fence(&f, "s"), &id, 99, on_status, NULL));
    assert_int_equal(got.value, 11);
    assert_int_equal(got.version, 1);
    AWAIT(&f, sl_store_status(f.store, "s", fixture_fence(&f, "s"), &id, 98, on_status, NULL));
    assert_int_equal(got.value, 0);
    assert_true(sl_store_rtt_ns(f.store) > 0);
}

#define T(name) FIXTURE_TEST(name, fixture_setup, &f)

/* Neither is an answer bound in data of another history, nor is it looked for there. */
static void records_are_fenced(void **state)
{
    (void)state;
    fixture_list(&f, "k", 64, 1);
    struct sl_record_key key = {{9}, {9}, 60000};
    const struct sl_fence *present = fixture_fence(&f, "k");
    struct sl_fence other = *present, more = *present;
    other.lineage.random += 16;
    more.least += 1000; /* has seen more than there is */
    for (unsigned i = 0; i < 4; i++) {
        struct sl_span answer = i % 2 == 0 ? SL_SPAN("answer") : SL_SPAN("");
        const struct sl_fence *fence = i < 2 ? &other : &more;
        AWAIT(&f, sl_store_remember(f.store, "k", fence, &key, answer, on_remembered, NULL));
        assert_int_equal(got.err, SL_ERR_HISTORY);
    }
    AWAIT(&f, sl_store_remember(f.store, "k", present, &key, SL_SPAN(""), on_remembered, NULL));
    assert_true(got.err == SL_OK && remembered.answer[0] == '\0'); /* nothing was bound */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_change_has_a_result_of_its_own),
        T(a_value_too_large_changes_nothing),
        T(what_is_not_there),
        T(many_changes_in_one_update),
        T(a_batch_is_all_or_nothing),
        T(batches_do_what_the_model_does),
        T(records_are_fenced),
        T(sparse_and_dense_batches_agree),
        T(a_batch_of_many),
        T(the_first_answer_stays),
        T(a_batch_under_a_key_is_written_once),
        T(the_status_as_redis_has_it),
    };
    return cmocka_run_group_tests_name("store statuses", tests, NULL, NULL);
}
