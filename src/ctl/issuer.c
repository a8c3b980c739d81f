/* reserve, set and get: what an issuer asks of its own service. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/show.h"
#include "ctl/web.h"

/* A secret that leaves this machine unencrypted is worth a word. */
static void warn_of_plain_http(const struct sl_ctl *c)
{
    static const char *const near[] = {"http://127.", "http://localhost", "http://[::1]"};
    if (c->credential == NULL || strncmp(c->server, "http://", 7) != 0)
        return;
    for (int i = 0; i < 3; i++)
        if (strncmp(c->server, near[i], strlen(near[i])) == 0)
            return;
    sl_complain("warning: the credential goes to %s without TLS", c->server);
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
    if (c->json && json_is_object(j))
        sl_print_json(json_incref(j));
    if (code != NULL)
        sl_complain("%ld %s: %s", a->status, name, why);
    else
        sl_complain("%ld: %s", a->status, text);
    if (a->status == 401 && c->credential == NULL)
        sl_complain("no credential was sent: --api-key-file FILE, or STATUSLIST_API_KEY in the environment");
    free(text);
    free(name);
    free(why);
    json_decref(j);
    return SL_EXIT_REFUSED;
}

/* Sends, and shows what is wrong. *ret is to be freed in either case. */
static int send_request(const struct sl_ctl *c, struct sl_web *web, const char *method, const char *path,
                        const char *body, long wanted, struct sl_answer *ret)
{
    char *url, why[256];
    if (asprintf(&url, "%s%s", c->server, path) < 0)
        abort();
    struct sl_ask request = {.method = method, .url = url, .body = body};
    int n = 0;
    if (body != NULL)
        request.fields[n++] = "Content-Type: application/json";
    if (c->credential != NULL)
        request.fields[n++] = c->credential;
    warn_of_plain_http(c);
    int code = SL_EXIT_OK;
    if (!sl_web_ask(web, &request, ret, why)) {
        sl_complain("%s %s: %s", method, url, why);
        code = SL_EXIT_NO_ANSWER;
    } else if (ret->status != wanted) {
        code = show_refusal(c, ret);
    }
    free(url);
    return code;
}

/* The body of a 200 as a JSON object; NULL after a complaint. */
static json_t *object_of(const struct sl_answer *a)
{
    json_error_t e;
    json_t *j = json_loadb(a->body.data != NULL ? a->body.data : "", a->body.len, JSON_REJECT_DUPLICATES, &e);
    if (json_is_object(j))
        return j;
    sl_complain("the answer is not a JSON object");
    json_decref(j);
    return NULL;
}

static void print_references(const json_t *list)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *uri = json_string_value(json_object_get(entry, "uri"));
        char *tame = sl_tame(uri != NULL ? uri : "", uri != NULL ? strlen(uri) : 0);
        printf("%s %" JSON_INTEGER_FORMAT "\n", tame, json_integer_value(json_object_get(entry, "index")));
        free(tame);
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

int sl_run_reserve(const struct sl_ctl *c, struct sl_web *web)
{
    uint64_t amount = 1;
    if (c->word_count > 1 && (!sl_read_number(c->words[1], UINT32_MAX, &amount) || amount == 0)) {
        sl_complain("AMOUNT: \"%s\" is not valid; expected a whole number of at least 1", c->words[1]);
        return SL_EXIT_USAGE;
    }
    char *path, *pool = escaped(c->words[0]);
    if (asprintf(&path, "/pools/%s/new-references?amount=%" PRIu64, pool, amount) < 0)
        abort();
    struct sl_answer a;
    int code = send_request(c, web, "POST", path, "", 200, &a);
    json_t *j = code == SL_EXIT_OK ? object_of(&a) : NULL;
    if (code == SL_EXIT_OK && j == NULL)
        code = SL_EXIT_NO_ANSWER;
    if (j != NULL && c->json)
        sl_print_json(json_incref(j));
    else if (j != NULL)
        print_references(json_object_get(j, "references"));
    json_decref(j);
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
    sl_complain("INDEX: \"%s\" is not valid; expected a whole number of at least 0", text);
    return false;
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
        sl_print_json(json_pack("{s:s, s:I, s:I}", "uri", c->words[0], "index", (json_int_t)index, "value",
                                (json_int_t)value));
    free(text);
    sl_answer_free(&a);
    return code;
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
    json_t *j = code == SL_EXIT_OK ? object_of(&a) : NULL;
    if (code == SL_EXIT_OK && j == NULL)
        code = SL_EXIT_NO_ANSWER;
    if (j != NULL && c->json) {
        sl_print_json(json_incref(j));
    } else if (j != NULL) {
        unsigned value = (unsigned)json_integer_value(json_object_get(j, "value"));
        printf("%u %s\n", value, statuslist_status_name(value));
    }
    json_decref(j);
    curl_free(uri);
    free(path);
    sl_answer_free(&a);
    return code;
}
