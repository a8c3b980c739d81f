/* Learning from Redis: a list record becomes a list of this process, or is compared with what the process
 * knows. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_klist;
struct sl_kpool;
struct sl_list_record;

/* Of one list: how Redis' record compares with what this process knows. */
struct sl_comparison {
    /* The latest reading of all lists that had it. */
    uint32_t reading;
    /* Redis does not have the list, or a state that does not contain what is remembered: restore it. */
    bool behind;
};

/* NULL: it cannot be kept, or belongs to another pool. */
struct sl_klist *sl_keeper_learn(struct sl_kpool *p, const struct sl_list_record *record);
/* Redis says that the list is retired, or has lost it after that. */
void sl_keeper_note_retired(struct sl_klist *t);
/* All lists were read: those that the reading did not have are behind too. How many are, in all. */
uint32_t sl_keeper_count_behind(struct sl_kpool *p);
bool sl_keeper_is_behind(const struct sl_klist *t);
/* Redis has been given what it had lost. */
void sl_keeper_note_restored(struct sl_klist *t);
