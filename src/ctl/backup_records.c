/* The heads of a backup's records, as JSON. They are checked like any other input, because someone who
 * can write the file can also write its checksums. */
#include <stdio.h>
#include <string.h>

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
    return json_pack("{s:s%, s:s%, s:I, s:i, s:I, s:I, s:s%, s:I}", "id", text, sizeof text, "uri", l->uri.at,
                     l->uri.len, "size", (json_int_t)l->size, "bits", (int)l->bits, "version",
                     (json_int_t)l->version, "cursor", (json_int_t)l->cursor, "state", l->state.at,
                     l->state.len, "created", (json_int_t)l->created);
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
    const char *id, *uri, *state;
    struct sl_uuid uuid;
    json_int_t size, bits, version, cursor, created;
    int bad = json_unpack((json_t *)head, "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "id", &id, "uri", &uri,
                          "state", &state, "size", &size, "bits", &bits, "version", &version, "cursor",
                          &cursor, "created", &created);
    if (bad || !sl_uuid_parse(sl_span(id, strlen(id)), &uuid) || !is_uri(uri) || size != p->size ||
        bits != p->bits || body.len > (size_t)(size * bits / 8) || version < 0 || version > VERSION_MAX ||
        cursor < 0 || cursor > size || created < 0 || created > VERSION_MAX) {
        sl_buf_printf(why, "a list does not belong to the pool %s", p->name);
        return false;
    }
    *ret_id = uuid;
    *ret = (struct sl_direct_list){.uri = sl_span(uri, strlen(uri)),
                                   .state = sl_span(state, strlen(state)),
                                   .bytes = body,
                                   .size = (uint32_t)size,
                                   .cursor = (uint32_t)cursor,
                                   .bits = (uint8_t)bits,
                                   .version = (uint64_t)version,
                                   .created = (uint64_t)created};
    return true;
}
