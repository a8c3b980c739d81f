/* Bodies when memory is short. When an allocation of ours fails, the body is refused as our failure, not as
 * the client's, and nothing leaks. When one of jansson's fails, the process ends with a message. In no case
 * is a body understood that was not sent. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/assert.h"
#include "http/edge_body.h"
#include "http/edge_json.h"
#include "short.h"

#define URI "http://localhost:8080/11111111-2222-4333-8444-555555555555"
#define LAST_LINE "statuslistd: assertion failed: out of memory ("

static const struct {
    const char *json;
    bool batch;
    enum sl_err err; /* with enough memory */
} bodies[] = {
    {"{\"uri\":\"" URI "\",\"index\":7,\"value\":1}", false, SL_OK},
    {"{\"\\u0075ri\":\"" URI "\",\"index\":7,\"value\":1}", false, SL_OK}, /* not recognised by the scanner */
    {"{\"\\u0075ri\":\"" URI "\",\"index\":77777777777777777777777777777777777,\"value\":1}", false,
     SL_ERR_INDEX_OUT_OF_BOUNDS},
    {"{\"uri\":7,\"index\":7,\"value\":1}", false, SL_ERR_MALFORMED_REQUEST},
    {"{\"uri\":\"" URI "\"", false, SL_ERR_MALFORMED_REQUEST},
    {"{\"value\":1,\"statusListReferences\":[{\"uri\":\"" URI "\",\"index\":1},{\"uri\":\"" URI
     "\",\"index\":2,\"value\":0},{\"\\u0075ri\":\"" URI "\",\"index\":3}]}",
     true, SL_OK},
    {"{\"value\":1,\"statusListReferences\":[{\"uri\":\"" URI "\",\"index\":1},{\"uri\":\"" URI "\"}]}", true,
     SL_ERR_MALFORMED_REQUEST},
};
#define BODIES (sizeof bodies / sizeof bodies[0])

/* The error, or a failed test. */
static enum sl_err parse(unsigned i, char why[static SL_WHY])
{
    struct sl_span json = sl_span(bodies[i].json, strlen(bodies[i].json));
    struct sl_body *body = NULL;
    size_t n = 0;
    enum sl_err err =
        bodies[i].batch ? sl_body_batch(json, 10, why, &body) : sl_body_update(json, why, &body);
    sl_assert((body != NULL) == (err == SL_OK));
    const struct sl_update_entry *e = err == SL_OK ? sl_body_entries(body, &n) : NULL;
    sl_assert(err != SL_OK || n == (bodies[i].batch ? 3 : 1));
    for (size_t k = 0; k < n; k++)
        sl_assert(sl_span_eq(e[k].uri, SL_SPAN(URI)));
    sl_body_free(body);
    return err;
}

static void ours_refuses_the_body(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BODIES; i++) {
        bool met = true;
        for (unsigned nth = 1; met; nth++) {
            char why[SL_WHY] = "";
            short_of_memory(nth);
            enum sl_err err = parse(i, why);
            met = short_was_met();
            short_of_memory(0);
            /* If the scanner has no memory, jansson may still have it. */
            if (err != bodies[i].err && !(met && err == SL_ERR_INTERNAL))
                fail_msg("body %u, request %u: %s (%s)", i, nth, sl_err_code(err), why);
            assert_true(err == SL_OK || why[0] != '\0');
            assert_true(err != SL_ERR_INTERNAL || strstr(why, "memory") != NULL);
        }
    }
}

/* In a process of its own. *ret_met: whether memory was short. */
static bool life_is_right(unsigned i, unsigned nth, bool *ret_met)
{
    int ends[2], status;
    char said[512];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char why[SL_WHY] = "";
        dup2(ends[1], STDERR_FILENO);
        short_of_memory(nth);
        enum sl_err err = parse(i, why);
        _exit(!short_was_met()                                 ? (err == bodies[i].err ? 0 : 1)
              : err == bodies[i].err || err == SL_ERR_INTERNAL ? 2
                                                               : 3);
    }
    assert_true(pid > 0);
    close(ends[1]);
    ssize_t n = read(ends[0], said, sizeof said - 1);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    *ret_met = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2;
    said[n > 0 ? n : 0] = '\0';
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
           strncmp(said, LAST_LINE, sizeof LAST_LINE - 1) == 0;
}

static void janssons_ends_the_process(void **state)
{
    (void)state;
    unsigned ended = 0;
    sl_json_memory();
    for (unsigned i = 0; i < BODIES; i++) {
        bool met = true;
        for (unsigned nth = 1; met; nth++) {
            if (!life_is_right(i, nth, &met))
                fail_msg("body %u, request %u", i, nth);
            ended += met;
        }
    }
    assert_true(ended >= 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_refuses_the_body),
        cmocka_unit_test(janssons_ends_the_process),
    };
    return cmocka_run_group_tests_name("http memory", tests, NULL, NULL);
}
