/* Knowing what Redis has: opening the pools after each connect and whenever Redis turns out to have another
 * history, and reading changes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "loop/loop.h"
#include "store/store.h"

struct sl_keeper;
struct sl_kpool;
struct sl_reopen_mail;

/* Of one pool. */
struct sl_sync {
    uint64_t read_change;       /* the last change number that was read */
    uint64_t asked_ns;          /* when the last reading began */
    bool reading, read_again;   /* changes are being read; and are to be read once more after that */
    uint64_t asked_seen;        /* the highest change number that was seen when that began */
    bool asked_fed;             /* the subscription was up when that began */
    bool caught_up;             /* all was read since the subscription has been up */
    struct sl_pool_known known; /* what the opening under way has told Redis */
    bool distrust;              /* a list has turned out to be behind: the next opening compares all */
    bool not_opened;            /* Redis refused the last opening; logged once */
    bool back;                  /* comparing has found lists behind: the next opening tells Redis */
    /* Workers whose changes were refused: those that wait for the pool to be opened again, and those for whom
     * it is being opened. */
    struct sl_reopen_mail *reopen_next, *reopen_opening;
    struct sl_timer give_up; /* then they are answered all the same */
    uint64_t looked_ns;      /* when it was last opened for the keeper's own reasons, or to look */
};

/* Of the keeper. */
struct sl_syncs {
    bool names_checked;
};

/* The connection for commands is up, or is not any more. */
void sl_keeper_store_up(struct sl_keeper *k);
void sl_keeper_store_down(struct sl_keeper *k);
/* Once each pool has been opened or refused: the process has started, or none can be used and it must not. */
void sl_keeper_judge_start(struct sl_keeper *k);
/* After the instances have agreed on the options. */
void sl_keeper_open(struct sl_kpool *p);
/* Redis has turned out to have another history, or to lack something: the workers write no more, and the pool
 * is opened anew. */
void sl_keeper_reopen(struct sl_kpool *p);
/* Redis has refused a change of the keeper's own, or leads a worker to another server: as above, but not
 * again within a moment; then the next sweep looks. */
void sl_keeper_refused_here(struct sl_kpool *p);
/* A list does not contain what is remembered of it: then all are compared. */
void sl_keeper_list_behind(struct sl_kpool *p);
/* What Redis had lost is restored; `other`: it has another history meanwhile. */
void sl_keeper_mending_ended(struct sl_kpool *p, bool other);
/* Reads what has changed since the last reading. */
void sl_keeper_read_changes(struct sl_kpool *p);
/* Every sweep: reads changes, or opens a closed pool. */
void sl_keeper_sweep(struct sl_kpool *p);
/* The feed is up or down, or a pool was read: tells the workers which pools' lists are all known, and whether
 * an unknown id is known not to exist. While the feed was down, lists were made that only a reading shows. */
void sl_keeper_update_authority(struct sl_keeper *k);

/* Redis has refused a worker's change, since its history is another one. */
void sl_keeper_ask_reopen(struct sl_keeper *k, struct sl_reopen_mail *mail);
/* Draining has begun. */
void sl_keeper_answer_reopens(struct sl_kpool *p);
void sl_keeper_sync_init(struct sl_kpool *p);
void sl_keeper_sync_free(struct sl_kpool *p);
