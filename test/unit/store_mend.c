/* Lists that Redis lost, or lost changes of, on a real Redis: created again, raised, and raised further by
 * an instance that knows more. */
#include "store_fixture.h"

static struct fixture f;
static struct sl_uuid list;

static int begin(void **state)
{
    (void)state;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    AWAIT(&f, sl_store_open_pool(f.store, "me", 64, 4, NULL, on_pool, NULL));
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_end(&f);
    return 0;
}

static void set(uint32_t index, uint8_t value)
{
    struct sl_change c = {index, value};
    AWAIT(&f, sl_store_update(f.store, "me", NULL, &list, -1, &c, 1, on_updated, NULL));
    assert_int_equal(got.err, SL_OK);
}

static void expect(uint64_t version, const char *bytes, size_t len)
{
    AWAIT(&f, sl_store_load(f.store, "me", &list, NULL, 0, on_load, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.version, version);
    assert_int_equal(got.len, len);
    assert_memory_equal(got.bytes, bytes, len);
}

static enum sl_mended mend(uint64_t least, uint64_t source, const char *bytes, size_t len)
{
    struct sl_mend m = {.list = list,
                        .uri = SL_SPAN("http://x/y"),
                        .least = least,
                        .source = source,
                        .bytes = sl_span(bytes, len)};
    AWAIT(&f, sl_store_mend(f.store, "me", &m, on_mended, NULL));
    assert_int_equal(got.err, SL_OK);
    return (enum sl_mended)got.number;
}

static void expect_sealed(void)
{
    AWAIT(&f, sl_store_describe(f.store, "me", &list, on_record, NULL));
    assert_int_equal(got.records[0].state, SL_LIST_SEALED);
    fixture_take(&f, "me", &list, 0, 64);
    assert_int_equal(got.taken.block_count, 0);
    assert_int_equal(got.taken.over_count, 1);
    assert_string_equal(cli(&f.server, "keys '*:returned'"), "");
}

static void a_lost_list_is_made_again(void **state)
{
    (void)state;
    list = sl_uuid_v4(&sl_clock_system);
    assert_int_equal(mend(7, 5, "\x21\x00\x03", 3), SL_MENDED_NEW);
    uint64_t at = 7 + SL_MEND_JUMP;
    assert_int_equal(got.version, at);
    expect(at, "\x21\x00\x03", 3);
    AWAIT(&f, sl_store_describe(f.store, "me", &list, on_record, NULL));
    assert_string_equal(got.uri, "http://x/y");
    assert_int_equal(got.records[0].size, 64);
    assert_int_equal(got.records[0].bits, 4);
    AWAIT(&f, sl_store_changes(f.store, "me", 0, 10, on_changes, NULL));
    assert_int_equal(got.count, 1);
    assert_int_equal(got.records[0].version, at);
    /* The answer was lost: it comes again, and changes nothing. */
    assert_int_equal(mend(7, 5, "\x21\x00\x03", 3), SL_MENDED_NOT);
    expect(at, "\x21\x00\x03", 3);
    set(63, 9);
    expect(at + 1, "\x21\x00\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x90", 32);
    expect_sealed();
}

static void a_list_that_lost_changes_is_raised(void **state)
{
    (void)state;
    list = fixture_list(&f, "me", 64, 4);
    uint32_t back = 3;
    assert_int_equal(fixture_give_back(&f, "me", &list, 0, &back, 1), 1);
    set(0, 1);
    assert_int_equal(mend(4, 3, "\x21\x43", 2), SL_MENDED_RAISED);
    expect(4 + SL_MEND_JUMP, "\x21\x43", 2);
    expect_sealed();
}

static void changes_that_nobody_published_raise_the_version_only(void **state)
{
    (void)state;
    list = fixture_list(&f, "me", 64, 4);
    set(0, 1);
    set(1, 2); /* version 2, which was published as 1 by an instance that knew of 5 */
    assert_int_equal(mend(5, 1, "\x01", 1), SL_MENDED_RAISED);
    expect(5 + SL_MEND_JUMP, "\x21", 1);
    assert_int_equal(mend(3, 2, "\x21", 1), SL_MENDED_NOT);
    expect_sealed();
}

static void nothing_lost_is_left_alone(void **state)
{
    (void)state;
    list = fixture_list(&f, "me", 64, 4);
    set(0, 1);
    assert_int_equal(mend(1, 1, "\x0f", 1), SL_MENDED_NOT);
    assert_int_equal(mend(1, 9, "\x0f", 1), SL_MENDED_NOT);
    expect(1, "\x01", 1);
    AWAIT(&f, sl_store_describe(f.store, "me", &list, on_record, NULL));
    assert_int_equal(got.records[0].state, SL_LIST_OPEN);
}

static void who_knows_more_comes_later(void **state)
{
    (void)state;
    list = sl_uuid_v4(&sl_clock_system);
    uint64_t at = 10 + SL_MEND_JUMP;
    assert_int_equal(mend(10, 10, "\x11\x11\x11", 3), SL_MENDED_NEW);
    set(1, 5); /* acknowledged since, and so are these: */
    set(4, 0);
    set(9, 7);
    expect(at + 3, "\x51\x11\x10\0\x70", 5);
    assert_int_equal(mend(12, 12, "\x22\x22\x22\x22", 4), SL_MENDED_MORE);
    expect(at + 4, "\x52\x22\x20\x22\x70", 5);
    assert_int_equal(mend(11, 11, "\x33", 1), SL_MENDED_NOT); /* knows less */
    set(0, 3);
    assert_int_equal(mend(14, 13, "\x44\x44", 2), SL_MENDED_MORE);
    expect(at + 6, "\x53\x44\x00\0\x70", 5);
    /* A caller whose version is from after the mending changes nothing. */
    assert_int_equal(mend(at, at, "\xff", 1), SL_MENDED_NOT);
    expect_sealed();
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_lost_list_is_made_again),
        T(a_list_that_lost_changes_is_raised),
        T(changes_that_nobody_published_raise_the_version_only),
        T(nothing_lost_is_left_alone),
        T(who_knows_more_comes_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
