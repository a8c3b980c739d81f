/* A long list is joined in pieces, on a real Redis, while others change it: nothing is put in the place of a
 * list that has become another one. What the statuses become is in test/unit/store_mend.c and
 * test/property/history. */
#include "store_fixture.h"

#include "core/status_list.h"

#define SIZE 40
#define BITS 8
#define PIECE 8 /* bytes */

static struct fixture f;
static struct sl_uuid list;
static struct sl_fence fence;
static const char *pool;
static char id[SL_UUID_TEXT + 1];

/* What two instances remember, each with a change of its own. */
static struct sl_mend mine, others;
static uint8_t my_bytes[SIZE], other_bytes[SIZE];

static struct sl_mend state_of(uint8_t *bytes, uint64_t age_ms, uint32_t index, uint8_t value)
{
    struct sl_mend m = {.list = list,
                        .uri = SL_SPAN("http://x/y"),
                        .bytes = sl_span((const char *)bytes, SIZE),
                        .final = -1,
                        .width = BITS,
                        .longest = 4};
    memset(bytes, 0, SIZE);
    bytes[0] = bytes[1] = 1;
    bytes[index] = value;
    sl_line_add(&m.line, (struct sl_head){{fence.lineage.ms - 1000, 0x11}, 2});
    m.head = (struct sl_head){{fence.lineage.ms - age_ms, 0x21}, 3};
    sl_line_add(&m.line, m.head);
    return m;
}

static void open_pool(uint64_t random)
{
    struct sl_pool_known known = {.first = true, .random = random};
    AWAIT(&f, sl_store_open_pool(f.store, pool, SIZE, BITS, &known, on_pool, NULL));
}

static void begin_join(const char *name)
{
    pool = name;
    AWAIT(&f, sl_store_open_pool(f.store, pool, SIZE, BITS, NULL, on_pool, NULL));
    list = fixture_list(&f, pool, SIZE, BITS);
    sl_uuid_text(&list, id);
    open_pool(0x10);
    fence = (struct sl_fence){got.pool.lineage, got.pool.change, true};
    mine = state_of(my_bytes, 600, 8, 5);
    others = state_of(other_bytes, 500, 9, 7);
    AWAIT(&f, sl_store_mend(f.store, pool, &fence, &mine, on_mended, NULL));
    assert_int_equal(got.number, SL_MENDED_IN_PIECES);
    fence.least = got.change;
}

/* As the answer before this has said. */
static struct sl_pieces pieces_as_answered(uint64_t random)
{
    static char seen[SL_SEEN_MAX];
    memcpy(seen, got.bytes, got.len);
    return (struct sl_pieces){sl_span(seen, got.len), random};
}

/* Whether it fits. */
static bool add_piece(const struct sl_pieces *pieces, size_t from)
{
    AWAIT(&f, sl_store_join_piece(f.store, pool, &fence, &mine, pieces, from, PIECE, on_piece, NULL));
    return got.err == SL_OK && got.changed;
}

/* `meanwhile` is called before the last call; NULL: nothing happens. */
static enum sl_mended end_join(int bound, void (*meanwhile)(void))
{
    struct sl_pieces pieces = pieces_as_answered(sl_random_below(&sl_clock_system, UINT32_MAX));
    for (size_t from = 0; from < SIZE; from += PIECE)
        assert_true(add_piece(&pieces, from));
    if (meanwhile != NULL)
        meanwhile();
    AWAIT(&f, sl_store_join_end(f.store, pool, &fence, &mine, &pieces, bound, on_mended, NULL));
    assert_int_equal(got.err, SL_OK);
    return (enum sl_mended)got.number;
}

static void load(void)
{
    AWAIT(&f, sl_store_load(f.store, pool, &list, NULL, 0, on_load, NULL));
    assert_int_equal(got.err, SL_OK);
}

/* ---- what happens meanwhile */

static void mend_at_once(struct sl_mend m)
{
    m.longest = SIZE;
    AWAIT(&f, sl_store_mend(f.store, pool, &fence, &m, on_mended, NULL));
    assert_int_equal(got.number, SL_MENDED_RAISED);
    fence.least = got.change;
}

static void another_joins(void)
{
    mend_at_once(others);
}

static void the_same_is_joined(void)
{
    mend_at_once(mine);
}

static void another_sets(void)
{
    struct sl_change c[] = {{0, 9}, {30, 9}};
    AWAIT(&f, sl_store_update(f.store, pool, &fence, &list, -1, c, 2, on_updated, NULL));
    assert_int_equal(got.err, SL_OK);
    fence.least = got.change;
}

static void the_list_is_retired(void)
{
    cli(&f.server, "hset statuslist:{%s}:list:%s:config state retired", pool, id);
}

static void the_list_goes(void)
{
    cli(&f.server, "del statuslist:{%s}:list:%s:config statuslist:{%s}:list:%s:data", pool, id, pool, id);
}

static void an_import_changes_it(void)
{
    cli(&f.server, "hset statuslist:{%s}:list:%s:config backup some", pool, id);
}

static void the_pieces_expire(void)
{
    cli(&f.server,
        "eval \"for _, k in ipairs(redis.call('KEYS', '*:join:*')) do redis.call('DEL', k) end\" 0");
}

/* ---- tests */

static void nothing_is_put_in_the_place_of_another_list(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*meanwhile)(void);
        enum sl_mended what;
    } rows[] = {{"p1", another_joins, SL_MENDED_AGAIN},         {"p2", the_same_is_joined, SL_MENDED_NOT},
                {"p3", the_list_is_retired, SL_MENDED_RETIRED}, {"p4", the_list_goes, SL_MENDED_AGAIN},
                {"p5", an_import_changes_it, SL_MENDED_AGAIN},  {"p6", the_pieces_expire, SL_MENDED_AGAIN},
                {"p7", another_sets, SL_MENDED_JOINED}};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        begin_join(rows[row].name);
        assert_int_equal(end_join(100, rows[row].meanwhile), rows[row].what);
        assert_string_equal(cli(&f.server, "keys '*:join:*'"), "");
    }
    load();
    assert_true(got.bytes[0] == 9 && got.bytes[1] == 1 && got.bytes[8] == 5 && got.bytes[30] == 9);
}

static void a_join_of_which_too_much_was_set_is_put_off(void **state)
{
    (void)state;
    begin_join("crowd");
    assert_int_equal(end_join(0, another_sets), SL_MENDED_CROWDED);
    assert_string_equal(cli(&f.server, "keys '*:join:*'"), "");
    load();
    assert_int_equal(got.bytes[8], 0);
    AWAIT(&f, sl_store_mend(f.store, pool, &fence, &mine, on_mended, NULL));
    fence.least = got.change;
    assert_int_equal(end_join(0, NULL), SL_MENDED_JOINED); /* nothing was set since */
}

static void pieces_of_an_earlier_lineage_are_refused(void **state)
{
    (void)state;
    begin_join("older");
    struct sl_pieces pieces = pieces_as_answered(1);
    open_pool(0x990);
    struct sl_fence present = {got.pool.lineage, got.pool.change, true};
    assert_false(add_piece(&pieces, 0));
    assert_int_equal(got.err, SL_ERR_HISTORY);
    fence = present;
    assert_false(add_piece(&pieces, 0));
    assert_int_equal(got.err, SL_OK);
    AWAIT(&f, sl_store_join_end(f.store, pool, &fence, &mine, &pieces, -1, on_mended, NULL));
    assert_true(got.err == SL_OK && got.number == SL_MENDED_AGAIN);
}

static void pieces_come_in_order(void **state)
{
    (void)state;
    begin_join("order");
    struct sl_pieces pieces = pieces_as_answered(2);
    assert_false(add_piece(&pieces, PIECE)); /* the first is missing */
    assert_true(add_piece(&pieces, 0));
    assert_false(add_piece(&pieces, 0)); /* it is there already */
}

static int begin(void **state)
{
    *state = &f;
    return fixture_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_put_in_the_place_of_another_list),
        cmocka_unit_test(a_join_of_which_too_much_was_set_is_put_off),
        cmocka_unit_test(pieces_of_an_earlier_lineage_are_refused),
        cmocka_unit_test(pieces_come_in_order),
    };
    return cmocka_run_group_tests(tests, begin, fixture_teardown);
}
