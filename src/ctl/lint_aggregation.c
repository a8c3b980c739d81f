/* The list of lists that a token points to. */
#include <string.h>

#include "ctl/lint_int.h"

/* What is wrong with the body; NULL: nothing. */
static const char *wrong_with(const struct sl_answer *a, const char *url, size_t *ret_count)
{
    json_error_t e;
    json_t *j = json_loadb(a->body.data != NULL ? a->body.data : "", a->body.len, JSON_REJECT_DUPLICATES, &e);
    const json_t *list = json_object_get(j, "status_lists");
    const char *why = !json_is_object(j)     ? "not a JSON object"
                      : !json_is_array(list) ? "status_lists is missing or not an array"
                                             : NULL;
    bool there = false;
    size_t i;
    json_t *uri;
    json_array_foreach(list, i, uri)
    {
        if (!json_is_string(uri) && why == NULL)
            why = "an entry of status_lists is not a string";
        there = there || (json_is_string(uri) && strcmp(json_string_value(uri), url) == 0);
    }
    *ret_count = json_array_size(list);
    json_decref(j);
    return why != NULL ? why : there ? NULL : "status_lists does not contain this list";
}

void sl_lint_aggregation(struct sl_lint *l)
{
    const struct statuslist_claims *s = sl_lint_any(l)->claims;
    char why[256], type[64];
    size_t count;
    if (s->aggregation_uri == NULL) {
        sl_find(l, SL_FOUND_NOTE, "aggregation", SL_AGGREGATION, "the token has no aggregation_uri");
        return;
    }
    struct sl_ask ask = {.method = "GET", .url = s->aggregation_uri, .fields = {"Accept: application/json"}};
    struct sl_answer a;
    if (!sl_web_get(l->web, &ask, &a, why, NULL, NULL)) {
        sl_find(l, SL_FOUND_FAIL, "aggregation", SL_AGGREGATION, "no response: %s", why);
    } else {
        sl_answer_type(&a, type);
        const char *wrong = wrong_with(&a, l->url, &count);
        if (a.status < 200 || a.status > 299)
            sl_find(l, SL_FOUND_FAIL, "aggregation", SL_AGGREGATION, "the server responded %ld", a.status);
        else if (strcmp(type, "application/json") != 0)
            sl_find(l, SL_FOUND_FAIL, "aggregation", SL_AGGREGATION,
                    "Content-Type \"%s\", not application/json", type);
        else if (wrong != NULL)
            sl_find(l, SL_FOUND_FAIL, "aggregation", SL_AGGREGATION, "%s", wrong);
        else
            sl_find(l, SL_FOUND_PASS, "aggregation", SL_AGGREGATION, "%zu lists, including this one", count);
    }
    sl_answer_free(&a);
}
