/* Log lines as they leave through stderr, which is a pipe here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"

#define WINDOW_NS (10 * SL_NS_PER_S)

/* Between begin and end nothing is asserted, because cmocka writes to stderr as well. */
struct capture {
    int pipe[2], saved;
    char text[1 << 17];
};

static struct capture *capture_begin(void)
{
    struct capture *c = calloc(1, sizeof *c);
    assert_non_null(c);
    assert_int_equal(pipe2(c->pipe, O_CLOEXEC), 0);
    c->saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(c->pipe[1], STDERR_FILENO), STDERR_FILENO);
    return c;
}

static void capture_end(struct capture *c)
{
    size_t len = 0;
    ssize_t n;
    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    close(c->pipe[1]);
    while ((n = read(c->pipe[0], c->text + len, sizeof c->text - 1 - len)) > 0)
        len += (size_t)n;
    close(c->pipe[0]);
    c->text[len] = '\0';
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t re;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int no = regexec(&re, text, 0, NULL, 0);
    regfree(&re);
    if (no != 0)
        fail_msg("`%s` does not match %s", text, pattern);
}

static void test_line(void **state)
{
    (void)state;
    struct capture *c = capture_begin();
    sl_log(SL_WARN, "redis", "reconnecting", SL_KU("attempt", UINT64_MAX), SL_KI("delta", -5),
           SL_KS("pool", "tests"), SL_KN("part", "abcdef", 3));
    sl_log(SL_ERROR, "boot", "bare");
    capture_end(c);
    assert_matches(c->text,
                   "^ts=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z "
                   "level=warn subject=redis msg=\"reconnecting\" attempt=18446744073709551615 delta=-5 "
                   "pool=\"tests\" part=\"abc\"\n"
                   "ts=[^ ]+ level=error subject=boot msg=\"bare\"\n$");
    free(c);
}

/* What a stranger sends cannot start a line or a field of its own. */
static void test_fields_are_escaped(void **state)
{
    (void)state;
    struct capture *c = capture_begin();
    sl_log(SL_INFO, "http", "a\nb", SL_KS("path", "/x\" level=error\nts=1999 \\\x1b[31m\xff"),
           SL_KN("nul", "a\0b", 3));
    capture_end(c);
    assert_int_equal(count(c->text, "\n"), 1);
    assert_non_null(strstr(c->text, " msg=\"a\\u000ab\" path=\"/x\\\" level=error\\u000ats=1999 "
                                    "\\\\\\u001b[31m\\ufffd\" nul=\"a\\u0000b\"\n"));
    free(c);
}

static void test_level(void **state)
{
    (void)state;
    struct capture *c = capture_begin();
    sl_log(SL_DEBUG, "t", "hidden");
    sl_log(SL_INFO, "t", "shown");
    sl_log_set_level(SL_ERROR);
    sl_log(SL_WARN, "t", "hidden");
    sl_log(SL_ERROR, "t", "shown");
    sl_log_set_level(SL_DEBUG);
    sl_log(SL_DEBUG, "t", "shown");
    sl_log_set_level(SL_INFO);
    capture_end(c);
    assert_int_equal(count(c->text, "hidden"), 0);
    assert_int_equal(count(c->text, "shown"), 3);
    assert_int_equal(count(c->text, "level=debug"), 1);
    free(c);
}

static void test_json(void **state)
{
    (void)state;
    char *big = malloc(10000);
    memset(big, 'x', 10000);
    struct capture *c = capture_begin();
    sl_log_set_format(SL_LOG_JSON);
    sl_log(SL_WARN, "redis", "a \"b\"", SL_KU("attempt", UINT64_MAX), SL_KI("delta", -5),
           SL_KS("pool", "te\nsts"));
    sl_log(SL_INFO, "t", "long", SL_KN("big", big, 10000), SL_KU("after", 1));
    sl_log_set_format(SL_LOGFMT);
    capture_end(c);
    assert_int_equal(count(c->text, "\n"), 2);
    assert_matches(
        c->text,
        "^\\{\"ts\":\"20[0-9-]+T[0-9:]+\\.[0-9]{3}Z\",\"level\":\"warn\",\"subject\":\"redis\",\"msg\":\"a "
        "\\\\\"b\\\\\"\",\"attempt\":18446744073709551615,\"delta\":-5,\"pool\":\"te\\\\u000asts\"\\}\n");
    const char *second = strchr(c->text, '\n') + 1;
    assert_true(strlen(second) > 2000 && strlen(second) <= 4096);
    assert_string_equal(second + strlen(second) - 16, "xxx\",\"after\":1}\n");
    free(big);
    free(c);
}

/* Only where stderr is what $JOURNAL_STREAM names; the last test, since it is looked at once. */
static void test_priorities(void **state)
{
    (void)state;
    char name[64];
    struct stat st;
    setenv("JOURNAL_STREAM", "1:1", 1);
    sl_log_find_journal();
    struct capture *c = capture_begin();
    sl_log(SL_ERROR, "t", "plain");
    fstat(STDERR_FILENO, &st);
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", name, 1);
    sl_log_find_journal();
    sl_log(SL_ERROR, "t", "worst");
    sl_log(SL_WARN, "t", "bad");
    sl_log(SL_INFO, "t", "usual");
    capture_end(c);
    assert_matches(c->text, "^ts=[^\n]*\n<3>ts=[^\n]*worst[^\n]*\n<4>ts=[^\n]*bad[^\n]*\n<6>ts=[^\n]*\n$");
    free(c);
}

static void test_long_line_is_cut(void **state)
{
    (void)state;
    char *big = malloc(10000);
    memset(big, 'x', 10000);
    uint64_t dropped = sl_log_dropped();
    struct capture *c = capture_begin();
    sl_log(SL_INFO, "t", "long", SL_KN("big", big, 10000), SL_KU("after", 1));
    capture_end(c);
    assert_int_equal(count(c->text, "\n"), 1);
    assert_true(strlen(c->text) > 4000 && strlen(c->text) <= 4096);
    assert_int_equal(c->text[strlen(c->text) - 1], '\n');
    assert_int_equal(count(c->text, "after="), 0);
    assert_int_equal(sl_log_dropped(), dropped);
    free(c);
    free(big);
}

static void burst(struct sl_log_site *site, unsigned lines)
{
    const struct sl_log_field none[] = {{.key = NULL}};
    for (unsigned i = 0; i < lines; i++)
        sl_log_write(site, SL_INFO, "t", "burst", none);
}

static void test_rate_limit(void **state)
{
    (void)state;
    struct capture *c;
    struct sl_log_site site, other;
    uint64_t window;
    for (;;) { /* again, if a window of 10 s ends in between */
        site = other = (struct sl_log_site){0};
        window = sl_mono_ns(&sl_clock_system) / WINDOW_NS;
        c = capture_begin();
        burst(&site, SL_LOG_BURST + 5);
        burst(&other, 1); /* each site counts for itself */
        capture_end(c);
        if (window == sl_mono_ns(&sl_clock_system) / WINDOW_NS)
            break;
        free(c);
    }
    assert_int_equal(count(c->text, "burst"), SL_LOG_BURST + 1);
    assert_int_equal(count(c->text, "suppressed"), 0);
    free(c);

    c = capture_begin();
    atomic_store(&site.window, 0); /* as if that had been in another window */
    burst(&site, 2);
    capture_end(c);
    assert_int_equal(count(c->text, "burst"), 2);
    assert_int_equal(count(c->text, "suppressed"), 1);
    assert_matches(c->text,
                   "^ts=[^ ]+ level=info subject=t msg=\"burst\" suppressed=5\nts=[^\n]*\"burst\"\n$");
    free(c);
}

/* No reader: logging goes on without waiting, and says afterwards how much was lost. */
static void test_full_pipe_does_not_block(void **state)
{
    (void)state;
    static const char filler[4096];
    uint64_t dropped = sl_log_dropped();
    struct capture *c = capture_begin();
    /* The flag belongs to the pipe's end, so it is cleared again: stderr blocks when the line is written. */
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    size_t filled = 0;
    for (ssize_t n; (n = write(STDERR_FILENO, filler, sizeof filler)) > 0;)
        filled += (size_t)n;
    int why = errno;
    fcntl(STDERR_FILENO, F_SETFL, flags);
    alarm(10); /* a line that blocks ends the test here */
    sl_log(SL_ERROR, "t", "lost");
    sl_log(SL_ERROR, "t", "lost");
    alarm(0);
    uint64_t lost = sl_log_dropped() - dropped;
    char *drain = malloc(filled);
    size_t drained = 0;
    for (ssize_t n; drained < filled && (n = read(c->pipe[0], drain + drained, filled - drained)) > 0;)
        drained += (size_t)n;
    sl_log(SL_ERROR, "t", "back");
    capture_end(c);
    assert_int_equal(why, EAGAIN);
    assert_true(filled >= 4096);
    assert_int_equal(drained, filled);
    assert_int_equal(lost, 2);
    assert_int_equal(sl_log_dropped() - dropped, 2);
    assert_int_equal(count(c->text, "lost"), 0);
    assert_int_equal(count(c->text, "back"), 1);
    free(drain);
    free(c);
}

static void test_closed_stderr_is_counted(void **state)
{
    (void)state;
    uint64_t dropped = sl_log_dropped();
    int saved = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    sl_log(SL_ERROR, "t", "nowhere");
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(sl_log_dropped() - dropped, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_fields_are_escaped),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_long_line_is_cut),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_rate_limit),
        cmocka_unit_test(test_full_pipe_does_not_block),
        cmocka_unit_test(test_closed_stderr_is_counted),
        cmocka_unit_test(test_priorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
