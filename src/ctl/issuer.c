/* reserve, set and get: what an issuer asks of its own service. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/show.h"
#include "ctl/url.h"
#include "ctl/web.h"

/* The base of all URLs, for the caller to free; NULL after a complaint. A secret leaves this machine without
 * TLS only where that was asked for. */
static char *server_of(const struct sl_ctl *c)
{
    char *base = sl_url_base(c->server);
    if (base == NULL)
        sl_complain("%s: \"%s\" is not valid; expected http:// or https://, a host and, if need be, a port "
                    "and a path",
                    c->server == getenv("STATUSLIST_SERVER") ? "STATUSLIST_SERVER" : "--server", c->server);
    if (base == NULL || c->credential == NULL || c->insecure_http || strncasecmp(base, "http:", 5) != 0 ||
        sl_url_is_loopback(base))
        return base;
    sl_complain("the credential would go to %s without TLS; expected an https:// URL, or --insecure-http if "
                "the network "
                "in between is to be trusted",
                base);
    free(base);
    return NULL;
}

/* What a problem document (RFC 9457) says, on stderr; with --json the document itself on stdout. */
static int show_refusal(const struct sl_ctl *c, struct sl_answer *a)
{
    json_error_t e;
    json_t *j = json_loadb(a->body.data != NULL ? a->body.data : "", a->body.len, 0, &e);
    const char *code = json_string_value(json_object_get(j, "code"));
    const char *detail = json_string_value(json_object_get(j, "detail"));
    char *text = code == NULL ? sl_tame(a->body.data, a->body.len < 200 ? a->body.len : 200) : NULL;
    char *name = sl_tame(code != NULL ? code : "", code != NULL ? strlen(code) : 0);
    char *why = sl_tame(detail != NULL ? detail : "", detail != NULL ? strlen(detail) : 0);
    char *target = a->redirect != NULL ? sl_tame(a->redirect, strlen(a->redirect)) : NULL;
    if (c->json && json_is_object(j))
        sl_print_json(json_incref(j));
    if (code != NULL)
        sl_complain("%ld %s: %s", a->status, name, why);
    else if (target != NULL)
        sl_complain("%ld: the server redirects to %s, where the credential does not follow; expected its new "
                    "address as "
                    "--server",
                    a->status, target);
    else
        sl_complain("%ld: %s", a->status, text);
    if (a->status == 401 && c->credential == NULL)
        sl_complain("no credential was sent: --api-key-file FILE, or STATUSLIST_API_KEY in the environment");
    free(text);
    free(name);
    free(why);
    free(target);
    json_decref(j);
    return SL_EXIT_REFUSED;
}

/* Sends, and shows what is wrong. *ret is to be freed in either case. */
static int send_request(const struct sl_ctl *c, struct sl_web *web, const char *method, const char *path,
                        const char *body, long wanted, struct sl_answer *ret)
{
    char *url, why[256], *server = server_of(c);
    *ret = (struct sl_answer){.status = 0};
    if (server == NULL)
        return SL_EXIT_USAGE;
    if (asprintf(&url, "%s%s", server, path) < 0)
        abort();
    struct sl_ask request = {.method = method, .url = url, .body = body};
    int n = 0;
    if (body != NULL)
        request.fields[n++] = "Content-Type: application/json";
    if (c->credential != NULL)
        request.fields[n++] = c->credential;
    int code = SL_EXIT_OK;
    if (!sl_web_ask(web, &request, ret, why)) {
        sl_complain("%s %s: %s", method, url, why);
        code = SL_EXIT_NO_ANSWER;
    } else if (ret->status != wanted) {
        code = show_refusal(c, ret);
    }
    free(url);
    free(server);
    return code;
}

/* An answer that does not say what was asked: no value in it may be believed. Shows the beginning of it,
 * which may be all that there is of a reservation. */
static int useless(const struct sl_answer *a, const char *expected)
{
    char *text = sl_tame(a->body.data, a->body.len < 200 ? a->body.len : 200);
    sl_complain("the answer is not what was asked for; expected %s, not \"%s\"%s", expected, text,
                a->body.len > 200 ? "..." : "");
    free(text);
    return SL_EXIT_NO_ANSWER;
}

/* The body as a JSON object; NULL: it is none. */
static json_t *object_of(const struct sl_answer *a)
{
    json_error_t e;
    json_t *j = json_loadb(a->body.data != NULL ? a->body.data : "", a->body.len, JSON_REJECT_DUPLICATES, &e);
    if (json_is_object(j))
        return j;
    json_decref(j);
    return NULL;
}

static bool is_whole(const json_t *j, json_int_t most)
{
    return json_is_integer(j) && json_integer_value(j) >= 0 && json_integer_value(j) <= most;
}

/* Whether it can be printed as it is, followed by a space: what must be changed for that is no URI (RFC
 * 3986). */
static bool is_uri(const char *text)
{
    size_t n = 0;
    while (text[n] > ' ' && text[n] <= '~')
        n++;
    return n > 0 && text[n] == '\0';
}

static bool is_reference(const json_t *entry)
{
    const char *uri = json_string_value(json_object_get(entry, "uri"));
    return uri != NULL && is_uri(uri) && is_whole(json_object_get(entry, "index"), UINT32_MAX);
}

static void print_references(FILE *to, const json_t *list)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        if (!is_reference(entry))
            continue;
        fprintf(to, "%s %" JSON_INTEGER_FORMAT "\n", json_string_value(json_object_get(entry, "uri")),
                json_integer_value(json_object_get(entry, "index")));
    }
}

/* For a place in a path or query. */
static char *escaped(const char *text)
{
    char *out = curl_easy_escape(NULL, text, 0);
    if (out == NULL)
        abort();
    return out;
}

/* Nobody else will ever get these references, so they are shown whatever is wrong: those that are there
 * although the answer is short of some, and on stderr when stdout takes nothing more. */
static int show_references(const struct sl_ctl *c, const struct sl_answer *a, json_t *j, uint64_t amount)
{
    const json_t *list = json_object_get(j, "references");
    size_t good = 0, i;
    json_t *entry;
    json_array_foreach(list, i, entry) good += is_reference(entry);
    if (c->json && good > 0)
        sl_print_json(json_incref(j));
    else
        print_references(stdout, list);
    if (!sl_output_written() && good > 0) {
        sl_complain(
            "the output could not be written; these references are reserved, and nothing else knows them:");
        print_references(stderr, list);
        return SL_EXIT_OUTPUT;
    }
    if (good == amount && json_array_size(list) == amount)
        return SL_EXIT_OK;
    char expected[80];
    snprintf(expected, sizeof expected, "%" PRIu64 " references, each with a uri and an index", amount);
    return useless(a, expected);
}

int sl_run_reserve(const struct sl_ctl *c, struct sl_web *web)
{
    uint64_t amount = 1;
    if (c->word_count > 1 && (!sl_read_number(c->words[1], UINT32_MAX, &amount) || amount == 0)) {
        sl_complain("AMOUNT: \"%s\" is not valid; expected a whole number from 1 to %u", c->words[1],
                    UINT32_MAX);
        return SL_EXIT_USAGE;
    }
    char *path, *pool = escaped(c->words[0]);
    if (asprintf(&path, "/pools/%s/new-references?amount=%" PRIu64, pool, amount) < 0)
        abort();
    struct sl_answer a;
    int code = send_request(c, web, "POST", path, "", 200, &a);
    if (code == SL_EXIT_OK) {
        json_t *j = object_of(&a);
        code = show_references(c, &a, j, amount);
        json_decref(j);
    }
    curl_free(pool);
    free(path);
    sl_answer_free(&a);
    return code;
}

static bool read_value_word(const char *text, uint64_t *ret)
{
    static const char *const names[] = {"valid", "invalid", "suspended"};
    for (uint64_t i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = i;
            return true;
        }
    }
    if (sl_read_number(text, 255, ret))
        return true;
    sl_complain("VALUE: \"%s\" is not valid; expected valid, invalid, suspended or a number from 0 to 255",
                text);
    return false;
}

static bool read_index_word(const char *text, uint64_t *ret)
{
    if (sl_read_number(text, UINT32_MAX, ret))
        return true;
    sl_complain("INDEX: \"%s\" is not valid; expected a whole number from 0 to %u", text, UINT32_MAX);
    return false;
}

/* What was set, and the version of the list that has it, with its history; these as far as the answer names
 * them. */
static void show_set(const struct sl_ctl *c, uint64_t index, uint64_t value, struct sl_answer *a)
{
    json_t *j = json_pack("{s:s, s:I, s:I}", "uri", c->words[0], "index", (json_int_t)index, "value",
                          (json_int_t)value);
    uint64_t version;
    if (sl_read_number(sl_answer_field(a, "status-list-version"), INT64_MAX, &version))
        json_object_set_new(j, "version", json_integer((json_int_t)version));
    const char *history = sl_answer_field(a, "status-list-history");
    size_t n = strlen(history);
    if (n > 2 && history[0] == '"' && history[n - 1] == '"') /* "" for a version older than histories */
        json_object_set_new(j, "history", json_stringn(history + 1, n - 2));
    sl_print_json(j);
}

int sl_run_set(const struct sl_ctl *c, struct sl_web *web)
{
    uint64_t index, value;
    if (!read_index_word(c->words[1], &index) || !read_value_word(c->words[2], &value))
        return SL_EXIT_USAGE;
    json_t *body = json_pack("{s:s, s:I, s:I}", "uri", c->words[0], "index", (json_int_t)index, "value",
                             (json_int_t)value);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (text == NULL) {
        sl_complain("URI: not valid; expected UTF-8");
        return SL_EXIT_USAGE;
    }
    struct sl_answer a;
    int code = send_request(c, web, "PATCH", "/status-lists/update", text, 204, &a);
    if (code == SL_EXIT_OK && c->json)
        show_set(c, index, value, &a);
    free(text);
    sl_answer_free(&a);
    return code;
}

/* The value of this reference and no other. */
static int show_status(const struct sl_ctl *c, const struct sl_answer *a, const json_t *j, uint64_t index)
{
    const char *uri = json_string_value(json_object_get(j, "uri"));
    const json_t *value = json_object_get(j, "value"), *at = json_object_get(j, "index");
    if (uri == NULL || strcmp(uri, c->words[0]) != 0 || !is_whole(at, UINT32_MAX) ||
        (uint64_t)json_integer_value(at) != index || !is_whole(value, 255))
        return useless(a, "the uri, the index and a value from 0 to 255");
    if (c->json)
        sl_print_json(json_deep_copy(j));
    else
        printf("%u %s\n", (unsigned)json_integer_value(value),
               statuslist_status_name((unsigned)json_integer_value(value)));
    return SL_EXIT_OK;
}

int sl_run_get(const struct sl_ctl *c, struct sl_web *web)
{
    uint64_t index;
    if (!read_index_word(c->words[1], &index))
        return SL_EXIT_USAGE;
    char *path, *uri = escaped(c->words[0]);
    if (asprintf(&path, "/status-lists/status?uri=%s&index=%" PRIu64, uri, index) < 0)
        abort();
    struct sl_answer a;
    int code = send_request(c, web, "GET", path, NULL, 200, &a);
    if (code == SL_EXIT_OK) {
        json_t *j = object_of(&a);
        code = show_status(c, &a, j, index);
        json_decref(j);
    }
    curl_free(uri);
    free(path);
    sl_answer_free(&a);
    return code;
}
