/* Finding a list by its id among many, in random order. */
#include <stdio.h>
#include <stdlib.h>

#include "micro.h"
#include "pool/list.h"

struct table_run {
    struct sl_table *table;
    struct sl_list *lists;
    uint32_t *order;
    uint32_t count;
};

static void find_known_list(void *arg, uint64_t n)
{
    const struct table_run *f = arg;
    for (uint64_t i = 0; i < n; i++)
        if (sl_table_find(f->table, &f->lists[f->order[i % f->count]].id) == NULL)
            abort();
}

static void find_unknown_list(void *arg, uint64_t n)
{
    const struct table_run *f = arg;
    for (uint64_t i = 0; i < n; i++) {
        struct sl_uuid id = f->lists[f->order[i % f->count]].id;
        id.bytes[15] ^= 0xff;
        if (sl_table_find(f->table, &id) != NULL)
            abort();
    }
}

void micro_table(void)
{
    static const uint32_t counts[] = {1, 1000, 10000, 100000, 1000000};
    for (unsigned k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        struct table_run f = {sl_table_new(), calloc(counts[k], sizeof(struct sl_list)),
                              calloc(counts[k], sizeof(uint32_t)), counts[k]};
        uint64_t state = 1;
        char name[64];
        for (uint32_t i = 0; i < counts[k]; i++) {
            f.lists[i].id = sl_uuid_v4(&sl_clock_system);
            f.order[i] = (uint32_t)(micro_random(&state) % counts[k]);
            if (!sl_table_add(f.table, &f.lists[i]))
                abort();
        }
        snprintf(name, sizeof name, "table of %u lists: find", counts[k]);
        micro_rate(name, find_known_list, &f, "finds/s");
        snprintf(name, sizeof name, "table of %u lists: no such id", counts[k]);
        micro_rate(name, find_unknown_list, &f, "finds/s");
        sl_table_free(f.table);
        free(f.lists);
        free(f.order);
    }
}
