/* The table of lists: growth, and readers that never see half of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop/crew.h"
#include "pool/list.h"

#define LISTS 20000
#define READERS 3

static struct sl_list *lists_new(void)
{
    struct sl_list *lists = calloc(LISTS, sizeof *lists);
    for (uint32_t i = 0; i < LISTS; i++) {
        lists[i].id = sl_uuid_v4(&sl_clock_system);
        /* Some ids share their first bytes: they meet in the index. */
        if (i % 10 == 9)
            memcpy(lists[i].id.bytes, lists[i - 1].id.bytes, 4);
        lists[i].size = i;
    }
    return lists;
}

static void grows_and_finds_everything(void **state)
{
    (void)state;
    struct sl_table *t = sl_table_new();
    struct sl_list *lists = lists_new();
    assert_null(sl_table_find(t, &lists[0].id));
    for (uint32_t i = 0; i < LISTS; i++) {
        assert_true(sl_table_add(t, &lists[i]));
        assert_int_equal(lists[i].number, i);
        assert_int_equal(sl_table_count(t), i + 1);
        assert_ptr_equal(sl_table_find(t, &lists[i].id), &lists[i]);
        if (i + 1 < LISTS)
            assert_null(sl_table_find(t, &lists[i + 1].id));
    }
    for (uint32_t i = 0; i < LISTS; i++) {
        assert_ptr_equal(sl_table_find(t, &lists[i].id), &lists[i]);
        assert_ptr_equal(sl_table_at(t, i), &lists[i]);
    }
    sl_table_free(t);
    sl_table_free(NULL);
    free(lists);
}

struct reader {
    struct sl_table *table;
    struct sl_list *lists;
    _Atomic bool *ends;
    uint64_t found, wrong;
    unsigned seed;
};

/* Whatever the count says is there, is there, whole. */
static void read_on(void *arg)
{
    struct reader *r = arg;
    bool last = false;
    while (!last) {
        last = atomic_load(r->ends);
        uint32_t count = sl_table_count(r->table);
        for (unsigned i = 0; i < 200 && count > 0; i++) {
            uint32_t at = (uint32_t)rand_r(&r->seed) % count;
            struct sl_list *l = sl_table_at(r->table, at);
            r->wrong += l != &r->lists[at] || l->number != at || l->size != at;
            r->found++;
        }
        for (unsigned i = 0; i < 200; i++) {
            uint32_t at = (uint32_t)rand_r(&r->seed) % LISTS;
            struct sl_list *l = sl_table_find(r->table, &r->lists[at].id);
            r->wrong += l != NULL && (l != &r->lists[at] || l->size != at);
            r->wrong += l == NULL && last; /* all were added before the end */
        }
    }
}

static void readers_are_right_while_it_grows(void **state)
{
    (void)state;
    struct sl_table *t = sl_table_new();
    struct sl_list *lists = lists_new();
    _Atomic bool ends = false;
    struct reader readers[READERS];
    struct sl_thread *threads[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.table = t, .lists = lists, .ends = &ends, .seed = i + 1};
        threads[i] = sl_thread_start("reader", read_on, &readers[i]);
    }
    for (uint32_t i = 0; i < LISTS; i++)
        assert_true(sl_table_add(t, &lists[i]));
    atomic_store(&ends, true);
    for (unsigned i = 0; i < READERS; i++) {
        sl_thread_join(threads[i]);
        assert_int_equal(readers[i].wrong, 0);
        assert_true(readers[i].found > 0);
    }
    sl_table_free(t);
    free(lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_finds_everything),
        cmocka_unit_test(readers_are_right_while_it_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
