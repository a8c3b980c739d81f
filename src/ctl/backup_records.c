/* The heads of a backup's records, as JSON. They are checked like any other input, because someone who
 * can write the file can also write its checksums. */
#include <stdio.h>
#include <string.h>

#include "core/history.h"
#include "ctl/backup_format.h"

#define VERSION_MAX ((json_int_t)1 << 52) /* so that what is added stays exact in a script */
#define URI_MAX 2048

bool sl_pool_name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return n >= 1 && n <= 64 && name[n] == '\0';
}

json_t *sl_backup_pool_json(const struct sl_backup_pool *p)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:i, s:I, s:I}", "pool", p->name, "backup", p->id, "made",
                     p->made, "by", "statuslistctl " SL_VERSION, "size", (json_int_t)p->size, "bits",
                     (int)p->bits, "change", (json_int_t)p->change, "taken", (json_int_t)p->taken);
}

static bool is_shape(json_int_t size, json_int_t bits)
{
    return (bits == 1 || bits == 2 || bits == 4 || bits == 8) && size >= 1 && size <= 100000000 &&
           size * bits % 8 == 0;
}

/* import shows it. */
static bool is_moment(const char *text)
{
    size_t n = strspn(text, "0123456789-T:Z");
    return n < sizeof((struct sl_backup_pool *)NULL)->made && text[n] == '\0';
}

bool sl_backup_pool_of(const json_t *head, struct sl_buf *why, struct sl_backup_pool *ret)
{
    const char *name, *id, *made;
    json_int_t size, bits, change, taken;
    struct sl_uuid uuid;
    int bad = json_unpack((json_t *)head, "{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "pool", &name, "backup", &id,
                          "made", &made, "size", &size, "bits", &bits, "change", &change, "taken", &taken);
    if (bad || !sl_pool_name_ok(name) || !sl_uuid_parse(sl_span(id, strlen(id)), &uuid) || !is_moment(made) ||
        !is_shape(size, bits) || change < 0 || taken < 0) {
        sl_buf_puts(why, "the first record does not describe a pool");
        return false;
    }
    struct sl_backup_pool p = {
        .size = (uint32_t)size, .bits = (uint8_t)bits, .change = (uint64_t)change, .taken = (uint64_t)taken};
    snprintf(p.name, sizeof p.name, "%s", name);
    snprintf(p.id, sizeof p.id, "%s", id);
    snprintf(p.made, sizeof p.made, "%s", made);
    *ret = p;
    return true;
}

json_t *sl_backup_list_json(const struct sl_uuid *id, const struct sl_direct_list *l)
{
    char text[SL_UUID_TEXT];
    sl_uuid_text(id, text);
    json_t *head = json_pack("{s:s%, s:s%, s:I, s:i, s:I, s:I, s:s%, s:I}", "id", text, sizeof text, "uri",
                             l->uri.at, l->uri.len, "size", (json_int_t)l->size, "bits", (int)l->bits,
                             "version", (json_int_t)l->version, "cursor", (json_int_t)l->cursor, "state",
                             l->state.at, l->state.len, "created", (json_int_t)l->created);
    if (head != NULL && l->at.len > 0) {
        json_object_set_new(head, "at", json_stringn(l->at.at, l->at.len));
        json_object_set_new(head, "line", json_stringn(l->line.at, l->line.len));
        json_object_set_new(head, "cut", json_stringn(l->cut.at, l->cut.len));
    }
    return head;
}

/* As a script writes it: what is before `at`, in order, and what fell out before that. */
static bool is_history(struct sl_span at, struct sl_span line, struct sl_span cut)
{
    struct sl_lineage head;
    struct sl_line before, fell;
    if (at.len == 0)
        return line.len == 0 && cut.len == 0;
    if (!sl_lineage_parse(at, &head) || sl_lineage_none(head) || !sl_line_parse(line, &before) ||
        !sl_cut_parse(cut, &fell) || (cut.len > 0 && sl_lineage_none(fell.cut)) ||
        before.count >= SL_LINE_MAX || sl_lineage_compare(fell.cut, head) >= 0)
        return false;
    return before.count == 0 || (sl_lineage_compare(before.part[before.count - 1].at, head) < 0 &&
                                 (cut.len == 0 || sl_lineage_compare(fell.cut, before.part[0].at) < 0));
}

static struct sl_span text_span(const char *text)
{
    return sl_span(text, strlen(text));
}

/* Visible ASCII, as the URIs that the service makes: it is shown, and served. */
static bool is_uri(const char *text)
{
    size_t n = 0;
    while (text[n] > ' ' && text[n] <= '~')
        n++;
    return n >= 1 && n <= URI_MAX && text[n] == '\0';
}

bool sl_backup_list_of(const struct sl_backup_pool *p, const json_t *head, struct sl_span body,
                       struct sl_buf *why, struct sl_uuid *ret_id, struct sl_direct_list *ret)
{
    const char *id, *uri, *state, *at = "", *line = "", *cut = "";
    struct sl_uuid uuid;
    json_int_t size, bits, version, cursor, created;
    int bad =
        json_unpack((json_t *)head, "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s?s, s?s, s?s}", "id", &id,
                    "uri", &uri, "state", &state, "size", &size, "bits", &bits, "version", &version, "cursor",
                    &cursor, "created", &created, "at", &at, "line", &line, "cut", &cut);
    if (bad || !sl_uuid_parse(sl_span(id, strlen(id)), &uuid) || !is_uri(uri) || size != p->size ||
        bits != p->bits || body.len > (size_t)(size * bits / 8) || version < 0 || version > VERSION_MAX ||
        cursor < 0 || cursor > size || created < 0 || created > VERSION_MAX ||
        !is_history(text_span(at), text_span(line), text_span(cut))) {
        sl_buf_printf(why, "a list does not belong to the pool %s", p->name);
        return false;
    }
    *ret_id = uuid;
    *ret = (struct sl_direct_list){.uri = sl_span(uri, strlen(uri)),
                                   .state = sl_span(state, strlen(state)),
                                   .bytes = body,
                                   .at = text_span(at),
                                   .line = text_span(line),
                                   .cut = text_span(cut),
                                   .size = (uint32_t)size,
                                   .cursor = (uint32_t)cursor,
                                   .bits = (uint8_t)bits,
                                   .version = (uint64_t)version,
                                   .created = (uint64_t)created};
    return true;
}
