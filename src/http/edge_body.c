/* A body that the scanner does not recognise becomes a tree of jansson, whose members are checked one by one;
 * so every refusal can name the member and what would be right. */
#include "http/edge_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/edge_json.h"
#include "http/edge_scan.h"
#include "http/field.h"

#define NAME_MAX_ECHO 32
#define PLACE 48 /* "statusListReferences[4294967295]: " */
#define UPDATE_SHAPE "{\"uri\": string, \"index\": integer, \"value\": integer}"
#define BATCH_SHAPE "{\"statusListReferences\": [{\"uri\", \"index\"}, ...], \"value\": integer}"

struct sl_body {
    json_t *root; /* has the memory that the spans point into; NULL: they point into the caller's */
    size_t count;
    struct sl_update_entry entries[];
};

void sl_body_free(struct sl_body *b)
{
    if (b == NULL)
        return;
    json_decref(b->root);
    free(b);
}

const struct sl_update_entry *sl_body_entries(const struct sl_body *b, size_t *ret_count)
{
    *ret_count = b->count;
    return b->entries;
}

static enum sl_err unknown_member(const char *name, const char *shape, const char *place,
                                  char why[static SL_WHY])
{
    size_t n = 0;
    while (n < NAME_MAX_ECHO && name[n] > ' ' && name[n] <= '~' && name[n] != '"' && name[n] != '\\')
        n++;
    if (n == 0 || name[n] != '\0') /* longer, or nothing to print */
        snprintf(why, SL_WHY, "%sunknown member; send %s", place, shape);
    else
        snprintf(why, SL_WHY, "%sunknown member \"%s\"; send %s", place, name, shape);
    return SL_ERR_MALFORMED_REQUEST;
}

/* A member that an object may have. */
struct member {
    const char *name;
    json_t *value; /* NULL: absent */
};

static enum sl_err find_members(json_t *object, struct member *known, size_t n, const char *shape,
                                const char *place, char why[static SL_WHY])
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        known[i].value = json_object_get(object, known[i].name);
        found += known[i].value != NULL;
    }
    if (found == json_object_size(object))
        return SL_OK;
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < n; i++)
            is_known = is_known || strcmp(name, known[i].name) == 0;
        if (!is_known)
            return unknown_member(name, shape, place, why);
    }
    sl_assert(false); /* fewer were found than there are, so one is unknown */
    return SL_ERR_INTERNAL;
}

static enum sl_err refuse_member(char why[static SL_WHY], const char *place, const char *name,
                                 const char *what)
{
    snprintf(why, SL_WHY, "%s\"%s\" %s", place, name, what);
    return SL_ERR_MALFORMED_REQUEST;
}

static enum sl_err read_uri(json_t *uri, const char *place, char why[static SL_WHY],
                            struct sl_update_entry *e)
{
    if (uri == NULL)
        return refuse_member(why, place, "uri", "is missing; send " UPDATE_SHAPE);
    if (!json_is_string(uri))
        return refuse_member(why, place, "uri", "must be a string");
    e->uri = sl_span(json_string_value(uri), json_string_length(uri));
    if (e->uri.len <= SL_UUID_TEXT || e->uri.at[e->uri.len - SL_UUID_TEXT - 1] != '/' ||
        !sl_uuid_parse(sl_span(e->uri.at + e->uri.len - SL_UUID_TEXT, SL_UUID_TEXT), &e->list)) {
        refuse_member(why, place, "uri", "must end in / and the id of a list, a UUID in lower case");
        return SL_ERR_NO_SUCH_REFERENCE;
    }
    return SL_OK;
}

static enum sl_err read_index(json_t *index, const char *place, char why[static SL_WHY],
                              struct sl_update_entry *e)
{
    if (index == NULL)
        return refuse_member(why, place, "index", "is missing; send " UPDATE_SHAPE);
    if (!json_is_integer(index))
        return refuse_member(why, place, "index", "must be an integer");
    json_int_t i = json_integer_value(index);
    if (i < 0 || i > UINT32_MAX) {
        refuse_member(why, place, "index", "must be from 0 to 4294967295");
        return SL_ERR_INDEX_OUT_OF_BOUNDS;
    }
    e->index = (uint32_t)i;
    return SL_OK;
}

static enum sl_err read_value(json_t *value, const char *place, char why[static SL_WHY], uint32_t *ret)
{
    if (!json_is_integer(value))
        return refuse_member(why, place, "value", "must be an integer");
    json_int_t v = json_integer_value(value);
    if (v < 0 || v > 255) {
        refuse_member(why, place, "value", "must be from 0 to 255, and fit the bits of the list");
        return SL_ERR_VALUE_OUT_OF_RANGE;
    }
    *ret = (uint32_t)v;
    return SL_OK;
}

/* `outer`: the value beside the entries; NULL: the body has none. */
static enum sl_err read_entry(json_t *object, const uint32_t *outer, const char *place,
                              char why[static SL_WHY], struct sl_update_entry *e)
{
    struct member m[] = {{"uri", NULL}, {"index", NULL}, {"value", NULL}};
    if (!json_is_object(object)) {
        snprintf(why, SL_WHY, "%smust be an object " UPDATE_SHAPE, place);
        return SL_ERR_MALFORMED_REQUEST;
    }
    enum sl_err err = find_members(object, m, 3, UPDATE_SHAPE, place, why);
    if (err == SL_OK)
        err = read_uri(m[0].value, place, why, e);
    if (err == SL_OK)
        err = read_index(m[1].value, place, why, e);
    if (err != SL_OK)
        return err;
    if (m[2].value != NULL)
        return read_value(m[2].value, place, why, &e->value);
    if (outer == NULL)
        return refuse_member(
            why, place, "value",
            place[0] == '\0' ? "is missing; send " UPDATE_SHAPE
                             : "is missing; send it in each entry, or once beside \"statusListReferences\"");
    e->value = *outer;
    return SL_OK;
}

static struct sl_body *body_new(json_t *root, size_t count, char why[static SL_WHY])
{
    struct sl_body *b = calloc(1, sizeof *b + count * sizeof b->entries[0]);
    if (b == NULL) {
        snprintf(why, SL_WHY, "out of memory");
        json_decref(root);
        return NULL;
    }
    b->root = root;
    b->count = count;
    return b;
}

enum sl_err sl_body_update(struct sl_span json, char why[static SL_WHY], struct sl_body **ret)
{
    json_t *root;
    struct sl_body *b = body_new(NULL, 1, why);
    if (b == NULL)
        return SL_ERR_INTERNAL;
    if (sl_scan_update(json, &b->entries[0])) {
        *ret = b;
        return SL_OK;
    }
    enum sl_err err = sl_json_object(json, UPDATE_SHAPE, why, &root);
    if (err != SL_OK) {
        sl_body_free(b);
        return err;
    }
    b->root = root;
    err = read_entry(root, NULL, "", why, &b->entries[0]);
    if (err == SL_OK)
        *ret = b;
    else
        sl_body_free(b);
    return err;
}

static enum sl_err read_batch(struct sl_body *b, json_t *array, const uint32_t *outer,
                              char why[static SL_WHY])
{
    for (size_t i = 0; i < b->count; i++) {
        char place[PLACE];
        snprintf(place, sizeof place, "statusListReferences[%zu]: ", i);
        enum sl_err err = read_entry(json_array_get(array, i), outer, place, why, &b->entries[i]);
        if (err != SL_OK)
            return err;
    }
    return SL_OK;
}

/* The batch as most clients send it. NULL: not recognised, or no memory. */
static struct sl_body *scan_batch(struct sl_span json, size_t max_entries)
{
    size_t room = sl_scan_batch_room(json.len);
    if (room > max_entries)
        room = max_entries;
    struct sl_body *b = malloc(sizeof *b + room * sizeof b->entries[0]);
    if (b == NULL || !sl_scan_batch(json, room, b->entries, &b->count)) {
        free(b);
        return NULL;
    }
    b->root = NULL;
    return b;
}

enum sl_err sl_body_batch(struct sl_span json, size_t max_entries, char why[static SL_WHY],
                          struct sl_body **ret)
{
    struct member m[] = {{"statusListReferences", NULL}, {"value", NULL}};
    uint32_t outer = 0;
    json_t *root;
    struct sl_body *b = scan_batch(json, max_entries);
    if (b != NULL) {
        *ret = b;
        return SL_OK;
    }
    enum sl_err err = sl_json_object(json, BATCH_SHAPE, why, &root);
    if (err != SL_OK)
        return err;
    err = find_members(root, m, 2, BATCH_SHAPE, "", why);
    if (err == SL_OK && m[0].value == NULL)
        err = refuse_member(why, "", m[0].name, "is missing; send " BATCH_SHAPE);
    else if (err == SL_OK && !json_is_array(m[0].value))
        err = refuse_member(why, "", m[0].name, "must be an array");
    else if (err == SL_OK && json_array_size(m[0].value) > max_entries) {
        snprintf(why, SL_WHY, "\"statusListReferences\" has %zu entries; at most %zu are allowed",
                 json_array_size(m[0].value), max_entries);
        err = SL_ERR_CONTENT_TOO_LARGE;
    }
    if (err == SL_OK && m[1].value != NULL)
        err = read_value(m[1].value, "", why, &outer);
    if (err != SL_OK) {
        json_decref(root);
        return err;
    }
    b = body_new(root, json_array_size(m[0].value), why);
    if (b == NULL)
        return SL_ERR_INTERNAL;
    err = read_batch(b, m[0].value, m[1].value != NULL ? &outer : NULL, why);
    if (err == SL_OK)
        *ret = b;
    else
        sl_body_free(b);
    return err;
}

bool sl_content_is_json(struct sl_span content_type)
{
    size_t end = 0;
    struct sl_field_parameter p;
    while (end < content_type.len && content_type.at[end] != ';' && content_type.at[end] != ' ' &&
           content_type.at[end] != '\t')
        end++;
    if (!sl_field_is(sl_span(content_type.at, end), SL_SPAN("application/json")))
        return false;
    struct sl_span rest = sl_span(content_type.at + end, content_type.len - end);
    enum sl_field_step step;
    while ((step = sl_field_next_parameter(&rest, &p)) == SL_FIELD_PARAMETER)
        if (sl_field_is(p.name, SL_SPAN("charset")) && !sl_field_value_is(&p, "utf-8"))
            return false;
    return step == SL_FIELD_END;
}
