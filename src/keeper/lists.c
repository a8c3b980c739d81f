#include "keeper/lists.h"

#include <stdlib.h>

#include "base/assert.h"
#include "core/status_list.h"
#include "keeper/keeper_int.h"

struct sl_klist *sl_keeper_list(struct sl_keeper *k, uint32_t number)
{
    return sl_klist_of(sl_table_at(k->shared->table, number));
}

struct sl_klist *sl_keeper_next_list(struct sl_keeper *k, const struct sl_klist *t)
{
    uint32_t number = t != NULL ? t->list.number + 1 : 0;
    return number < sl_table_count(k->shared->table) ? sl_keeper_list(k, number) : NULL;
}

void sl_keeper_draft(struct sl_keeper *k, struct sl_list_draft *draft, char *text, size_t room)
{
    draft->id = sl_uuid_v4(k->clock);
    sl_random(k->clock, draft->seed, sizeof draft->seed);
    struct sl_buf b;
    char id[SL_UUID_TEXT];
    sl_buf_over(&b, text, room);
    sl_uuid_text(&draft->id, id);
    sl_buf_puts(&b, k->setup.public_url);
    sl_buf_putc(&b, '/');
    sl_buf_put(&b, id, sizeof id);
    sl_assert(!b.failed); /* the configuration bounds public-url */
    draft->uri = sl_span(b.data, b.len);
}

static struct sl_klist *allocate_list(struct sl_kpool *p, const struct sl_list_record *record)
{
    struct sl_buf prefix;
    sl_buf_init(&prefix, 8 * SL_URI_ROOM);
    sl_json_reference(&prefix, record->uri);
    struct sl_klist *t = prefix.failed ? NULL : calloc(1, sizeof *t + record->uri.len + prefix.len);
    if (t != NULL) {
        memcpy(t->text, record->uri.at, record->uri.len);
        memcpy(t->text + record->uri.len, prefix.data, prefix.len);
        t->list.id = record->id;
        t->list.size = record->size;
        t->list.bits = record->bits;
        t->list.pool = p->shared;
        t->list.uri = sl_span(t->text, record->uri.len);
        t->list.json_prefix = sl_span(t->text + record->uri.len, prefix.len);
        t->pool = p;
    }
    sl_buf_free(&prefix);
    return t;
}

struct sl_klist *sl_keeper_new_list(struct sl_kpool *p, const struct sl_list_record *record)
{
    struct sl_klist *t = allocate_list(p, record);
    if (t != NULL && sl_table_add(p->keeper->shared->table, &t->list))
        return t;
    free(t);
    return NULL;
}

size_t sl_keeper_raw_bytes(const struct sl_klist *t)
{
    return sl_status_bytes(t->list.size, t->list.bits);
}

void sl_flight_begin(struct sl_flight *f, const struct sl_klist *t)
{
    f->lists++;
    f->bytes += sl_keeper_raw_bytes(t);
}

void sl_flight_end(struct sl_flight *f, const struct sl_klist *t)
{
    sl_assert(f->lists > 0);
    f->lists--;
    f->bytes -= sl_keeper_raw_bytes(t);
}

bool sl_flight_has_room(const struct sl_flight *f, const struct sl_klist *t, size_t most_bytes)
{
    return f->lists == 0 || f->bytes + sl_keeper_raw_bytes(t) <= most_bytes;
}
