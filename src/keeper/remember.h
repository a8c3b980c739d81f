/* What this process remembers of a list: the state that its token shows (head, line, and the statuses
 * themselves), with the marks of exactly that state, read in one transaction. A state of Redis that does not
 * contain it is not shown; and if Redis has lost it, this is what the list is restored from. */
#pragma once
#include <stdbool.h>
#include "core/history.h"

struct sl_klist;
struct sl_kpool;
struct sl_loaded;
struct sl_mend;

struct sl_kept_marks;

/* Of one list. */
struct sl_memory {
    struct sl_kept_marks *shown;  /* of the token's state; NULL: none, or they have ended */
    struct sl_kept_marks *loaded; /* of the state that is being signed */
    /* The list was mended too late: what the token shows is given up, and this state takes its place. */
    bool given_up;
    struct sl_head joined;
    bool rolled_back; /* Redis lacks something that is remembered; logged once */
    /* Of the list's line, as far as it is known: those that may still have marks. */
    struct sl_lineage *named;
    unsigned named_count;
};

/* Of one pool. */
struct sl_memories {
    /* Redis' wall clock, and ours when it told it; 0: not known yet. */
    uint64_t redis_ms, told_ns;
    uint64_t marks_end_ms; /* by Redis' clock: before that no list's marks end; 0: there are none */
};

/* The state that no later one may lack; version 0: nothing was shown yet. */
struct sl_head sl_keeper_remembered(const struct sl_klist *t);
/* Of the pool, and of all that is remembered of its lists. */
struct sl_lineage sl_keeper_highest_lineage(const struct sl_kpool *p);
/* The token in the slot is of this state, and is not given up. */
bool sl_keeper_shows(const struct sl_klist *t, struct sl_head head);
bool sl_keeper_contains_remembered(const struct sl_klist *t, const struct sl_line *line);

/* Redis has this state of the list (version 0: none), which does not contain what is remembered: counted, and
 * logged, until it has caught up. The token is withheld from the workers' promises. */
void sl_keeper_note_rollback(struct sl_klist *t, struct sl_head found);
void sl_keeper_clear_rollback(struct sl_klist *t);
/* Redis says that the list contains this: the next load brings the marks of the lineages that may have some.
 */
void sl_keeper_note_line(struct sl_klist *t, const struct sl_line *line);
unsigned sl_keeper_marks_wanted(const struct sl_klist *t, struct sl_lineage ret[static SL_LINE_MAX]);
/* A state was loaded, and is being signed; then it is shown, or dropped. False: no memory for its marks. */
bool sl_keeper_keep_loaded(struct sl_klist *t, const struct sl_loaded *loaded);
void sl_keeper_loaded_is_shown(struct sl_klist *t);
void sl_keeper_drop_loaded(struct sl_klist *t);
/* What is shown is given up: the next state has to contain `joined`. */
void sl_keeper_give_up_shown(struct sl_klist *t, struct sl_head joined);
/* Redis' list contains what is shown: that is remembered again. */
void sl_keeper_shown_is_contained(struct sl_klist *t);

/* A copy of the marks, for mend->marks; the caller frees it. *ret is NULL where there are none. False: no
 * memory. */
bool sl_keeper_copy_marks(const struct sl_klist *t, struct sl_kept_marks **ret);
void sl_keeper_name_marks(const struct sl_kept_marks *marks, struct sl_mend *mend);

/* Every sweep: frees the marks that nobody can need any more. */
void sl_keeper_end_marks(struct sl_kpool *p);
void sl_keeper_memory_free(struct sl_klist *t);
