/* The lists that are to be published now: in which order, how many at once, and how much work that is.
 *
 * The list whose change is the oldest comes first, wherever it joins: what was promised first is kept first
 * (worker/visible.h), and what comes later never delays it. Small lists are bounded by their number, large
 * ones by their bytes, and one of the very large ones runs beside all others: neither keeps the others out.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_keeper;
struct sl_klist;

/* Of one list. */
struct sl_queue_place {
    struct sl_klist *next, *before; /* while it is queued */
    uint64_t since_ns;              /* its place: the lowest comes first */
    bool in_work;
};

/* Of the keeper. */
struct sl_queue {
    struct sl_klist *first, *last;
    unsigned queued;
    unsigned active;      /* lists being loaded or signed */
    size_t active_bytes;  /* of the large ones among them */
    bool very_large;      /* one of them is a very large one */
    unsigned work_lists;  /* lists that owe a publication: due now, later, or under way */
    uint64_t work_bytes;  /* of the large ones among them */
    uint64_t large_bytes; /* of all large lists that are known */
    uint64_t very_large_bytes;
    size_t largest; /* bytes of the largest list that is not very large */
};

/* A list of so many raw bytes is large: bounded by bytes. Larger still, it is a very large one. */
bool sl_queue_is_large(size_t bytes);

/* A list was learnt of. */
void sl_queue_count_list(struct sl_klist *t);

/* In the order of publication; NULL after the last. */
struct sl_klist *sl_queue_next(struct sl_keeper *k, const struct sl_klist *t);
/* `since_ns`: when its change was learnt of; 0: before all others. */
void sl_queue_add(struct sl_klist *t, uint64_t since_ns);
void sl_queue_remove(struct sl_klist *t);

bool sl_queue_has_room(const struct sl_keeper *k, const struct sl_klist *t);
void sl_queue_begin(struct sl_klist *t);
void sl_queue_end(struct sl_klist *t);

/* Whether the list owes a publication. */
void sl_queue_note_work(struct sl_klist *t, bool owes);
unsigned sl_queue_length(const struct sl_keeper *k);
/* Lists queued or under way. */
unsigned sl_queue_unfinished(const struct sl_keeper *k);
/* Lists that owe a publication. */
unsigned sl_queue_work(const struct sl_keeper *k);
/* Of all very large lists that are known. */
uint64_t sl_queue_very_large_bytes(const struct sl_keeper *k);
/* Bytes of large lists that may be published before a list whose change is learnt of now. */
uint64_t sl_queue_bytes_ahead(const struct sl_keeper *k);
