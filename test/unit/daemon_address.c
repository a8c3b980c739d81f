/* Addresses to listen at, and which of them exclude each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "daemon/address.h"

static void test_listen_addresses(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",         ":80",    "a",     "a:",           "a:0",     "a:65536",
                                        "a:080",    "::1:80", "[::1]", "[::1]80",      "[::1:80", "[a]:80",
                                        "1.2.3:80", "a b:80", "-a:80", "256.1.1.1:80", "unix:",   "unix:/a/",
                                        "a:+80",    "a:80x",  "*",     "*:0",          "[*]:80"};
    struct sl_address a, b;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(sl_address_parse(wrong[i], &a));
    char path[200] = "unix:";
    memset(path + 5, 'a', 107);
    assert_true(sl_address_parse(path, &a));
    path[5 + 107] = 'a';
    assert_false(sl_address_parse(path, &a));
    assert_true(sl_address_parse("[0:0::1]:65535", &a) && a.v6 && a.port == 65535);
    assert_true(sl_address_parse("[::1]:65535", &b) && sl_address_conflict(&a, &b));
    assert_true(sl_address_parse("localhost:65535", &b) && !b.v6 && !sl_address_conflict(&a, &b));
    assert_string_equal(b.host, "localhost");
    assert_true(sl_address_parse("[::]:65535", &a) && sl_address_conflict(&a, &b));
    assert_true(sl_address_parse("[::]:65534", &a) && !sl_address_conflict(&a, &b));
    assert_true(sl_address_parse("0.0.0.0:443", &a) && sl_address_parse("[::]:443", &b) &&
                !sl_address_conflict(&a, &b));
    assert_true(sl_address_parse("[::1]:443", &b) && !sl_address_conflict(&a, &b));
    assert_true(sl_address_parse("localhost:443", &b) && sl_address_conflict(&a, &b));
    assert_true(sl_address_parse("*:443", &a) && a.all && sl_address_conflict(&a, &b) &&
                !sl_address_is_near(&a));
    assert_true(sl_address_parse("[::1]:443", &b) && sl_address_conflict(&a, &b) && sl_address_is_near(&b));
    assert_true(sl_address_parse("127.9.9.9:443", &b) && sl_address_conflict(&a, &b) &&
                sl_address_is_near(&b));
    assert_true(sl_address_parse("*:444", &b) && !sl_address_conflict(&a, &b));
    assert_true(sl_address_parse("127.0.0.1.example:1", &b) && !sl_address_is_near(&b));
    assert_true(sl_address_parse("unix:run/x", &a) && sl_address_is_near(&a) && !sl_address_conflict(&a, &b));
    assert_string_equal(a.path, "run/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_listen_addresses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
