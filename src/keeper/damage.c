#include "keeper/damage.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

/* For the workers, which must not call a list unknown that is only damaged. */
static void store_count(struct sl_keeper *k)
{
    uint32_t count = 0;
    SL_EACH_KPOOL (p, k)
        count += p->damage.count;
    atomic_store_explicit(&k->shared->damaged, count, memory_order_release);
}

static struct sl_damaged_id *find_damaged(const struct sl_kpool *p, const struct sl_uuid *id)
{
    for (uint32_t i = 0; i < p->damage.count; i++)
        if (memcmp(&p->damage.lists[i].id, id, sizeof *id) == 0)
            return &p->damage.lists[i];
    return NULL;
}

void sl_keeper_note_damaged(struct sl_kpool *p, const struct sl_damaged_list *damaged)
{
    struct sl_damage *d = &p->damage;
    struct sl_uuid id;
    bool usable = sl_uuid_parse(damaged->id, &id); /* otherwise nobody can ask for it */
    if (usable && find_damaged(p, &id) != NULL)
        return;
    sl_log(SL_ERROR, "pool", "the record of a list in redis is damaged: the list is left alone",
           SL_KS("pool", p->shared->name), SL_KN("list", damaged->id.at, damaged->id.len),
           SL_KS("field", damaged->field));
    if (!usable || d->count == SL_DAMAGED_MAX)
        return;
    if (d->lists == NULL)
        d->lists = sl_xcalloc(SL_DAMAGED_MAX, sizeof *d->lists);
    d->lists[d->count++] = (struct sl_damaged_id){id, damaged->field};
    store_count(p->keeper);
}

void sl_keeper_note_unreadable(const struct sl_klist *t)
{
    char id[SL_UUID_TEXT];
    sl_uuid_text(&t->list.id, id);
    sl_keeper_note_damaged(t->pool, &(struct sl_damaged_list){sl_span(id, sizeof id), "line"});
}

void sl_keeper_note_whole(struct sl_kpool *p, const struct sl_uuid *id)
{
    struct sl_damaged_id *found = find_damaged(p, id);
    char text[SL_UUID_TEXT];
    if (found == NULL)
        return;
    sl_uuid_text(id, text);
    sl_log(SL_WARN, "pool", "the record of a list in redis is damaged no more",
           SL_KS("pool", p->shared->name), SL_KN("list", text, sizeof text));
    *found = p->damage.lists[--p->damage.count];
    store_count(p->keeper);
}

bool sl_keeper_is_damaged(const struct sl_keeper *k, const struct sl_uuid *id)
{
    SL_EACH_KPOOL (p, k)
        if (find_damaged(p, id) != NULL)
            return true;
    return false;
}

const struct sl_uuid *sl_keeper_next_damaged(struct sl_kpool *p)
{
    struct sl_damage *d = &p->damage;
    if (d->count == 0 || d->asking)
        return NULL;
    d->next = d->next + 1 < d->count ? d->next + 1 : 0;
    return &d->lists[d->next].id;
}

void sl_keeper_ask_damaged(struct sl_kpool *p, bool asking)
{
    p->damage.asking = asking;
}

uint32_t sl_keeper_damaged_count(const struct sl_kpool *p)
{
    return p->damage.count;
}

void sl_keeper_put_damage(const struct sl_keeper *k, struct sl_buf *out)
{
    SL_EACH_KPOOL (p, k) {
        if (p->damage.count == 0)
            continue;
        char text[SL_UUID_TEXT];
        sl_uuid_text(&p->damage.lists[0].id, text);
        sl_buf_printf(out, "%spools: %s has %u lists with a damaged record in Redis, one is %.*s (%s)",
                      out->len > 0 ? "; " : "", p->shared->name, p->damage.count, (int)sizeof text, text,
                      p->damage.lists[0].field);
    }
}

void sl_keeper_damage_free(struct sl_kpool *p)
{
    free(p->damage.lists);
}
