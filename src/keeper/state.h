/* What the keeper knows of a pool's data in Redis, and the one function that changes it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_kpool;

/* A pool walks through these after each connect, and again from OPENING whenever Redis turns out to have
 * another history of its data. References are taken, and workers write, in SYNCED only. */
enum sl_pool_state {
    /* Redis is not reached, or opening or mending failed, or the pool's size or bits are not the configured
     * ones. The next connect or sweep opens the pool. */
    SL_POOL_CLOSED,
    /* Redis is being told what this process knows of the pool's history, and asked which one it has. */
    SL_POOL_OPENING,
    /* The lists that have changed are being read: all of them, to be compared, if data may have gone back. */
    SL_POOL_LISTING,
    /* Lists of which Redis lacks something are being joined with what this process remembers. */
    SL_POOL_MENDING,
    /* The keeper knows every list. */
    SL_POOL_SYNCED
};

struct sl_kpool_state {
    enum sl_pool_state now;
    bool was_synced; /* at least once since the process started */
    bool was_shown;  /* every list had a token at one time since then */
    /* Redis may have lost data: all lists are being read and compared with what this process knows. */
    bool checking;
    uint32_t reading; /* counts these readings */
};

/* A transition that the table in state.c does not allow is our bug and ends the process. */
void sl_keeper_change_state(struct sl_kpool *p, enum sl_pool_state to);
bool sl_keeper_is_synced(const struct sl_kpool *p);
bool sl_keeper_was_synced(const struct sl_kpool *p);
/* A list got a token, or needs none any more; `lacking`: lists that have none. */
void sl_keeper_note_shown(struct sl_kpool *p, uint32_t lacking);
bool sl_keeper_was_shown(const struct sl_kpool *p);
/* Lists are known well enough for changes to be read: LISTING or later. */
bool sl_keeper_is_readable(const struct sl_kpool *p);
/* Nothing is loaded for publication while this holds: first Redis' data is compared, and restored. */
bool sl_keeper_in_doubt(const struct sl_kpool *p);
enum sl_pool_state sl_keeper_pool_state(const struct sl_kpool *p);
bool sl_keeper_is_checking(const struct sl_kpool *p);
/* The number of the present, or last, reading of all lists. */
uint32_t sl_keeper_reading(const struct sl_kpool *p);

void sl_keeper_begin_check(struct sl_kpool *p);
void sl_keeper_end_check(struct sl_kpool *p);
