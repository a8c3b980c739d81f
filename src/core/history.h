/* Histories of a pool's data. Whenever the data in Redis may have gone back or forked, the pool begins a new
 * *lineage*; a version of a list is a lineage and a number in it. The *line* of a list's state names the
 * lineages that the state contains, each up to which version. Pure values: no owner, any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

/* Ordered by `ms`, then `random`. {0, 0}: data from before there were lineages; the lowest. */
struct sl_lineage {
    uint64_t ms;     /* Redis' time of the drawing, later than every lineage that the drawer knew; 48 bits */
    uint64_t random; /* the lowest four bits tell how long marks of it are kept */
};

/* 12 hex digits of `ms`, '-', 16 of `random`, lower case, so texts are in the order of the lineages; "0" for
 * {0, 0}. */
#define SL_LINEAGE_TEXT 29
#define SL_LINEAGE_MS_MAX ((UINT64_C(1) << 48) - 1)

/* Below, at or above 0 like memcmp. */
int sl_lineage_compare(struct sl_lineage left, struct sl_lineage right);
static inline bool sl_lineage_equal(struct sl_lineage left, struct sl_lineage right)
{
    return left.ms == right.ms && left.random == right.random;
}
static inline bool sl_lineage_none(struct sl_lineage l)
{
    return l.ms == 0 && l.random == 0;
}
size_t sl_lineage_print(struct sl_lineage l, char out[static SL_LINEAGE_TEXT]); /* its length, no NUL */
/* The text is one lineage as sl_lineage_print writes it. False: *ret is untouched. */
bool sl_lineage_parse(struct sl_span text, struct sl_lineage *ret);
/* For how long after its drawing indices acknowledged in a lineage are marked, so that a lost branch can be
 * joined with them. The scripts have the same numbers. */
#define SL_MARKS_START_MS 600000 /* drawn because a process opened the pool for the first time */
#define SL_MARKS_FORK_MS 3600000 /* drawn because the data went back, or may have */
#define SL_MARKS_MORE_MS 3600000 /* for so much longer what was marked is kept */
uint64_t sl_lineage_marks_ms(struct sl_lineage l);
/* By Redis' clock. Keeper and store have to agree on it: a load that lacks marks which are kept is made
 * again. */
static inline uint64_t sl_lineage_kept_until_ms(struct sl_lineage l)
{
    return l.ms + sl_lineage_marks_ms(l) + SL_MARKS_MORE_MS;
}

/* The newest version of a state, or any version: number `version` of lineage `at`. */
struct sl_head {
    struct sl_lineage at;
    uint64_t version; /* 0: never changed, whatever the lineage */
};
static inline bool sl_head_equal(struct sl_head left, struct sl_head right)
{
    return left.version == right.version && sl_lineage_equal(left.at, right.at);
}

#define SL_LINE_MAX 16
struct sl_line {
    struct sl_head part[SL_LINE_MAX]; /* ascending by lineage, each once */
    unsigned count;
    /* Not below any lineage that fell out for want of room; {0, 0}: none has. `below` is a digest of all that
     * fell out: two lines with one cut and one digest are alike up to it. The scripts have the same. */
    struct sl_lineage cut;
    uint64_t below;
};

/* The highest version of a lineage that is contained; 0: none. */
uint64_t sl_line_version(const struct sl_line *line, struct sl_lineage l);
/* A state with this line contains the state whose head this is. */
static inline bool sl_line_covers(const struct sl_line *line, struct sl_head head)
{
    return sl_line_version(line, head.at) >= head.version;
}
/* Contains `head` from now on; a version below the one that is there changes nothing. Where there is no room
 * the lowest lineage falls out; one that is not above `cut` is not taken in. */
void sl_line_add(struct sl_line *line, struct sl_head head);
/* Drops the lineages up to `cut`, which is not below what fell out; what it drops goes into the digest. */
void sl_line_cut(struct sl_line *line, struct sl_lineage cut);
bool sl_line_equal(const struct sl_line *left, const struct sl_line *right);

#define SL_BELOW_UNKNOWN UINT64_MAX /* of a version before digests; it stays so */
/* "lineage:digest" of what fell out, without the digest where it is unknown; empty: nothing has. */
#define SL_CUT_TEXT (SL_LINEAGE_TEXT + 11)
size_t sl_cut_print(const struct sl_line *line, char out[static SL_CUT_TEXT]); /* its length, no NUL */
/* "0" is nothing, too. False: it is no such text, and ret is untouched. Otherwise its two fields of the cut
 * are set. */
bool sl_cut_parse(struct sl_span text, struct sl_line *ret);

/* "lineage:version" of each part, ascending, with single spaces; without `cut`. */
#define SL_LINE_TEXT (SL_LINE_MAX * (SL_LINEAGE_TEXT + 18))
size_t sl_line_print(const struct sl_line *line, char out[static SL_LINE_TEXT]); /* its length, no NUL */
/* The text is a line as sl_line_print writes it; empty: no part. ret->cut is {0, 0}. False: *ret is
 * untouched. */
bool sl_line_parse(struct sl_span text, struct sl_line *ret);
