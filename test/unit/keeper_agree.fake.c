/* Instances of one pool agree on what they must have in common, or refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "pool_house.h"

static struct sl_kpool *pool0(struct house *h)
{
    return &h->keeper->pools[0];
}

static void somebody(struct house *h, const char *instance)
{
    snprintf(fake_pool(h->redis, "pool0")->other, 64, "%s", instance);
}

static bool told(struct house *h, void *arg)
{
    return strstr(h->fatal, arg) != NULL;
}

static bool agreed(struct house *h, void *arg)
{
    (void)arg;
    return pool0(h)->agreed && pool0(h)->differs[0] == '\0' && !pool0(h)->due_agree;
}

static bool differs(struct house *h, void *arg)
{
    return strstr(pool0(h)->differs, arg) != NULL;
}

static void what_is_no_default_is_written_down(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    house_start(h);
    const char *text = fake_pool(h->redis, "pool0")->shared;
    assert_non_null(strstr(text, "public-url https://lists.example/s\n"));
    assert_non_null(strstr(text, "size 512\n"));
    assert_null(strstr(text, "prefetch"));
    house_end(h);
}

static void every_difference_is_named_at_start(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    snprintf(fake_pool(h->redis, "pool0")->shared, 1024,
             "public-url https://other.example\nissuer https://x.example\nfinal-status 1\nlater-option 7\n");
    somebody(h, "another-instance");
    assert_true(house_until(h, told, "another-instance", 5000));
    assert_non_null(strstr(h->fatal, "pool0"));
    assert_non_null(
        strstr(h->fatal, "public-url https://other.example, this file says https://lists.example/s"));
    assert_non_null(strstr(h->fatal, "issuer https://x.example, this file says "));
    assert_non_null(strstr(h->fatal, "final-status 1, this file says absent"));
    assert_false(atomic_load(&h->started));
    assert_int_equal(fake_count(h->redis, SL_OP_OPEN_POOL), 0); /* nothing was taken or made */
    house_end(h);
}

static void nobody_lives_so_the_record_is_replaced(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    snprintf(fake_pool(h->redis, "pool0")->shared, 1024, "public-url https://other.example\n");
    house_start(h);
    assert_non_null(strstr(fake_pool(h->redis, "pool0")->shared, "https://lists.example/s"));
    house_end(h);
}

/* Who comes first must be seen by those who come later, so nothing begins before the subscription. */
static void without_a_subscription_nothing_begins(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    fake_set_feed_up(h->redis, false);
    house_for(h, 50);
    assert_int_equal(fake_count(h->redis, SL_OP_AGREE), 0);
    assert_int_equal(fake_count(h->redis, SL_OP_OPEN_POOL), 0);
    fake_set_feed_up(h->redis, true);
    house_start(h);
    house_end(h);
}

static void an_answer_that_fails_is_asked_for_again(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    fake_fail(h->redis, SL_OP_AGREE, 1, SL_ERR_UNAVAILABLE);
    house_start(h);
    assert_true(fake_count(h->redis, SL_OP_AGREE) >= 2);
    house_end(h);
}

/* Somebody with other options came while we were away: we go on, and say so until they are gone. */
static void a_difference_while_running_is_told(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){0});
    char text[SL_KEEPER_WHY];
    struct sl_buf why;
    house_start(h);
    assert_true(house_until(h, agreed, NULL, 5000));
    snprintf(fake_pool(h->redis, "pool0")->shared, 1024, "public-url https://other.example\n");
    somebody(h, "intruder");
    fake_set_feed_up(h->redis, false);
    house_for(h, 20);
    fake_set_feed_up(h->redis, true);
    assert_true(house_until(h, differs, "intruder", 5000));
    sl_buf_over(&why, text, sizeof text);
    assert_true(sl_keeper_ready_fetch(h->keeper, &why));
    assert_false(sl_keeper_ready_issuer(h->keeper, &why));
    assert_non_null(memmem(why.data, why.len, "https://other.example", 21));
    assert_string_equal(h->fatal, "");
    somebody(h, "");
    assert_true(house_until(h, agreed, NULL, 10000)); /* a sweep asks again */
    why.len = 0;
    assert_true(sl_keeper_ready_issuer(h->keeper, &why));
    house_end(h);
}

static char answer[SL_KEEPER_WHY];

static void on_may(void *arg, const char *why)
{
    ++*(unsigned *)arg;
    snprintf(answer, sizeof answer, "%s", why);
}

static bool answered(struct house *h, void *arg)
{
    (void)h;
    return *(unsigned *)arg > 0;
}

static void may(struct house *h, const struct sl_pool_options *o)
{
    unsigned n = 0;
    sl_keeper_may(h->keeper, o, on_may, &n);
    assert_true(house_until(h, answered, &n, 5000));
    house_for(h, 10);
    assert_int_equal(n, 1);
}

static void a_reload_is_asked_about_beforehand(void **state)
{
    (void)state;
    struct house *h = house_new(&(struct house_setup){.pools = 2});
    house_start(h);
    struct sl_pool_options next[2] = {h->options[0], h->options[1]};
    may(h, next); /* nothing is new */
    assert_string_equal(answer, "");
    next[0].ttl_ms = 17000;
    may(h, next);
    assert_string_equal(answer, "");
    assert_null(strstr(fake_pool(h->redis, "pool0")->shared, "17s")); /* only asked */
    somebody(h, "another");
    may(h, next);
    assert_non_null(strstr(answer, "this file says 17s"));
    fake_set_up(h->redis, false); /* nobody can tell: it is compared when there is Redis again */
    house_for(h, 20);
    may(h, next);
    assert_string_equal(answer, "");
    somebody(h, "");
    house_end(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_default_is_written_down),
        cmocka_unit_test(every_difference_is_named_at_start),
        cmocka_unit_test(nobody_lives_so_the_record_is_replaced),
        cmocka_unit_test(without_a_subscription_nothing_begins),
        cmocka_unit_test(an_answer_that_fails_is_asked_for_again),
        cmocka_unit_test(a_difference_while_running_is_told),
        cmocka_unit_test(a_reload_is_asked_about_beforehand),
    };
    return cmocka_run_group_tests_name("pool agree", tests, NULL, NULL);
}
