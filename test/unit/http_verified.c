#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "http/verified.h"

#define MANY 300

static void hash_of(unsigned i, uint8_t hash[static SL_SHA256])
{
    memset(hash, 0, SL_SHA256);
    memcpy(hash, &i, sizeof i);
}

static uint64_t found(struct sl_verified *v, unsigned i, int64_t now)
{
    uint8_t hash[SL_SHA256];
    hash_of(i, hash);
    const struct sl_verified_token *t = sl_verified_find(v, hash, now);
    if (t == NULL)
        return 0;
    assert_int_equal(t->caller[0], (uint8_t)(i * 3));
    return t->pools[0];
}

static void add(struct sl_verified *v, unsigned i, int64_t from, int64_t until)
{
    uint8_t hash[SL_SHA256];
    uint64_t pools[2] = {i + 1, ~(uint64_t)i};
    struct sl_verified_token t = {
        .from_ms = from, .until_ms = until, .caller = {(uint8_t)(i * 3)}, .pools = pools};
    hash_of(i, hash);
    sl_verified_add(v, hash, &t);
}

static void test_found_while_valid(void **state)
{
    (void)state;
    struct sl_verified *v = sl_verified_new(&sl_clock_system, 4, 2);
    assert_int_equal(found(v, 1, 100), 0);
    add(v, 1, 100, 200);
    add(v, 2, 100, 200);
    assert_int_equal(found(v, 1, 100), 2);
    assert_int_equal(found(v, 1, 199), 2);
    assert_int_equal(sl_verified_count(v), 2);
    assert_int_equal(found(v, 1, 200), 0); /* and forgotten */
    assert_int_equal(sl_verified_count(v), 1);
    assert_int_equal(found(v, 1, 150), 0);
    assert_int_equal(found(v, 2, 99), 0); /* the clock was stepped back */
    assert_int_equal(found(v, 3, 150), 0);
    assert_int_equal(sl_verified_count(v), 0);
    sl_verified_free(v);
    sl_verified_free(NULL);
}

static void test_both_words_are_kept(void **state)
{
    (void)state;
    struct sl_verified *v = sl_verified_new(&sl_clock_system, 3, 2);
    uint8_t hash[SL_SHA256];
    for (unsigned i = 0; i < 3; i++)
        add(v, i, 0, 10);
    for (unsigned i = 0; i < 3; i++) {
        hash_of(i, hash);
        const struct sl_verified_token *t = sl_verified_find(v, hash, 5);
        assert_non_null(t);
        assert_true(t->pools[0] == i + 1 && t->pools[1] == ~(uint64_t)i);
    }
    sl_verified_free(v);
}

static void test_the_one_unused_longest_makes_room(void **state)
{
    (void)state;
    struct sl_verified *v = sl_verified_new(&sl_clock_system, 3, 2);
    for (unsigned i = 0; i < 3; i++)
        add(v, i, 0, 10);
    assert_true(found(v, 0, 5));
    add(v, 3, 0, 10); /* drives out 1 */
    assert_true(!found(v, 1, 5) && found(v, 0, 5) && found(v, 2, 5) && found(v, 3, 5));
    for (unsigned i = 10; i < 1000; i++) {
        assert_true(found(v, 0, 5)); /* it is used all the time, so it stays */
        add(v, i, 0, 10);
        assert_int_equal(sl_verified_count(v), 3);
    }
    assert_true(found(v, 0, 5) && found(v, 999, 5) && found(v, 998, 5) && !found(v, 997, 5));
    sl_verified_free(v);
}

static void test_one_place(void **state)
{
    (void)state;
    struct sl_verified *v = sl_verified_new(&sl_clock_system, 1, 2);
    for (unsigned i = 0; i < 5; i++) {
        add(v, i, 0, 10);
        assert_int_equal(found(v, i, 5), i + 1);
        assert_true(i == 0 || !found(v, i - 1, 5));
    }
    assert_int_equal(found(v, 4, 10), 0);
    add(v, 7, 0, 10);
    assert_int_equal(found(v, 7, 0), 8);
    sl_verified_free(v);
}

/* Against a plain list of all tokens that were ever added, with the times of their last use. */
static void test_like_a_plain_list(void **state)
{
    (void)state;
    struct {
        bool in;
        int64_t until;
        unsigned used;
    } model[MANY] = {{0}};
    enum { CAPACITY = 37 };
    struct sl_verified *v = sl_verified_new(&sl_clock_system, CAPACITY, 2);
    unsigned count = 0;
    srand(7);
    for (unsigned step = 1; step < 60000; step++) {
        unsigned i = (unsigned)rand() % MANY;
        int64_t now = step / 40;
        bool valid = model[i].in && now < model[i].until;
        assert_int_equal(found(v, i, now), valid ? i + 1 : 0);
        count -= model[i].in && !valid;
        model[i].in = valid;
        model[i].used = step;
        if (!valid && rand() % 3 == 0) {
            unsigned oldest = MANY;
            for (unsigned m = 0; m < MANY; m++)
                if (model[m].in && (oldest == MANY || model[m].used < model[oldest].used))
                    oldest = m;
            if (count == CAPACITY) {
                model[oldest].in = false;
                count--;
            }
            model[i].in = true;
            model[i].until = now + 1 + rand() % 90;
            add(v, i, 0, model[i].until);
            count++;
        }
        assert_int_equal(sl_verified_count(v), count);
    }
    sl_verified_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_while_valid),
        cmocka_unit_test(test_both_words_are_kept),
        cmocka_unit_test(test_the_one_unused_longest_makes_room),
        cmocka_unit_test(test_one_place),
        cmocka_unit_test(test_like_a_plain_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
