/* Histories of a pool: when opening it begins a new lineage, and what is kept of the former ones. */
#include "store_fixture.h"

static struct sl_lineage drawn;

static void opened(struct fixture *f, const struct sl_pool_known *known)
{
    AWAIT(f, sl_store_open_pool(f->store, "h", 64, 1, known, on_pool, NULL));
    assert_int_equal(got.err, SL_OK);
    drawn = got.pool.lineage;
}

static const char *pool_field(struct fixture *f, const char *field)
{
    return cli(&f->server, "hget statuslist:{h}:config %s", field);
}

/* As a process does from one opening to the next. */
static struct sl_pool_known known_from(const struct sl_pool_opened *o, uint64_t least)
{
    return (struct sl_pool_known){.lineage = o->lineage,
                                  .least = least,
                                  .begun = o->begun,
                                  .parent = o->parent,
                                  .parent_end = o->parent_end,
                                  .highest = o->lineage,
                                  .random = 0x1122334455667788};
}

static const struct sl_pool_known new_process = {.first = true, .random = 0xfedcba9876543210};

static void write_something(struct fixture *f)
{
    cli(&f->server, "hincrby statuslist:{h}:config change 1");
}

static void a_first_opening_begins_a_lineage(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, NULL);
    assert_true(sl_lineage_none(got.pool.lineage));
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    assert_int_equal(got.pool.marks_ms, 0);
    assert_string_equal(pool_field(&f, "lineage"), "");

    opened(&f, &new_process);
    assert_int_equal(got.pool.drawn, SL_DRAWN_FIRST);
    assert_false(got.pool.fork);
    assert_true(sl_lineage_none(got.pool.parent));
    assert_true(drawn.ms > 1600000000000 && (drawn.random & 15) == 0);
    assert_true(got.pool.begun >= 1u << 22 && got.pool.begun < (1u << 22) + (1u << 24));
    assert_int_equal(got.pool.change, got.pool.begun);
    assert_in_range(got.pool.marks_ms, 1190000, 1200000);
    struct sl_pool_opened first = got.pool;

    struct sl_pool_known known = known_from(&first, first.change);
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    assert_true(sl_lineage_equal(drawn, first.lineage));
    assert_int_equal(got.pool.begun, first.begun);
    opened(&f, NULL); /* as a tool does */
    assert_true(sl_lineage_equal(drawn, first.lineage));
    fixture_end(&f);
}

static void another_server_begins_a_lineage(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, &new_process);
    struct sl_pool_known known = known_from(&got.pool, got.pool.change + 1);
    write_something(&f);
    cli(&f.server, "hset statuslist:{h}:config replid 0123456789012345678901234567890123456789");
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_REPLID);
    assert_true(got.pool.fork);
    assert_int_equal(drawn.random & 15, 1);
    assert_in_range(got.pool.marks_ms, 4190000, 4200000);
    assert_true(sl_lineage_equal(got.pool.parent, known.lineage));
    assert_int_equal(got.pool.parent_end, known.least);
    assert_true(got.pool.begun > known.least + (1u << 22));

    /* A process that starts right then has no list to compare; one that was there has. */
    write_something(&f);
    opened(&f, &new_process);
    assert_int_equal(got.pool.drawn, SL_DRAWN_FIRST);
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    assert_true(got.pool.fork);
    known = known_from(&got.pool, got.pool.change);
    write_something(&f);
    opened(&f, &new_process);
    opened(&f, &known);
    assert_false(got.pool.fork);
    fixture_end(&f);
}

static void data_that_went_back_begin_a_lineage(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, &new_process);
    struct sl_pool_opened at = got.pool;
    struct sl_pool_known known = known_from(&at, at.change + 2);
    write_something(&f);
    opened(&f, &known); /* has seen one more */
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    assert_true(sl_lineage_compare(drawn, known.lineage) > 0);

    known.least--; /* that is where its lineage ended */
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    assert_true(got.pool.fork);

    known = known_from(&got.pool, got.pool.change);
    known.lineage.random += 16; /* is in no history of these data */
    known.highest = known.lineage;
    known.highest.ms += 100000000;
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    assert_int_equal(drawn.ms, known.highest.ms + 1);

    cli(&f.server, "hdel statuslist:{h}:config lineage lineages folded begun replid");
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    fixture_end(&f);
}

/* A list that went back needs a lineage above all that its own line names. */
static void a_list_that_went_back_begins_a_lineage(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, &new_process);
    struct sl_pool_known known = known_from(&got.pool, got.pool.change);
    known.back = true;
    write_something(&f);
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_LIST);
    struct sl_lineage second = drawn;
    opened(&f, &known); /* somebody has done it already */
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    assert_true(sl_lineage_equal(drawn, second));
    known.highest = second;
    known.highest.ms++;
    opened(&f, &known); /* but the list that this one remembers is of a later one */
    assert_int_equal(got.pool.drawn, SL_DRAWN_LIST);
    assert_true(sl_lineage_compare(drawn, known.highest) > 0);
    fixture_end(&f);
}

/* Starts of processes that write nothing leave only ids behind, and nobody takes that for going back. */
static void lineages_without_a_write_are_folded(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, &new_process);
    struct sl_pool_opened root = got.pool;
    write_something(&f);
    opened(&f, &new_process);
    struct sl_pool_known idle = known_from(&got.pool, got.pool.change);
    for (int i = 0; i < 63; i++)
        opened(&f, &new_process);
    assert_true(sl_lineage_equal(got.pool.parent, root.lineage));
    assert_int_equal(got.pool.parent_end, root.change + 1);
    assert_int_equal(strlen(pool_field(&f, "folded")), 63 * 30 - 1);

    opened(&f, &idle); /* its lineage is folded, so it stands where the parent ended */
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    struct sl_pool_known wrote = idle;
    wrote.least++; /* has seen a write in it, which these data do not have */
    opened(&f, &wrote);
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    opened(&f, &idle);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    opened(&f, &new_process);
    opened(&f, &idle); /* the sixty-fifth drove it out */
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    assert_int_equal(strlen(pool_field(&f, "folded")), 64 * 30 - 1);
    fixture_end(&f);
}

static void fifteen_ancestors_are_kept(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, &new_process);
    struct sl_pool_known old = known_from(&got.pool, got.pool.change);
    for (int i = 0; i < 15; i++) {
        write_something(&f);
        opened(&f, &new_process);
    }
    opened(&f, &old);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    write_something(&f);
    opened(&f, &new_process);
    opened(&f, &old);
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    AWAIT(&f, sl_store_changes(f.store, "h", 0, 10, on_changes, NULL));
    assert_true(sl_lineage_equal(got.lineage, drawn));
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_opening_begins_a_lineage),
        cmocka_unit_test(another_server_begins_a_lineage),
        cmocka_unit_test(data_that_went_back_begin_a_lineage),
        cmocka_unit_test(a_list_that_went_back_begins_a_lineage),
        cmocka_unit_test(lineages_without_a_write_are_folded),
        cmocka_unit_test(fifteen_ancestors_are_kept),
    };
    return cmocka_run_group_tests_name("store history", tests, NULL, NULL);
}
