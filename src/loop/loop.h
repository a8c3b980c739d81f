/* An event loop, its timers and its foreign file descriptors. One loop belongs to one thread: every function
 * here but the mailbox's send (loop/mailbox.h) is for that thread only.
 *
 * Timers run on CLOCK_BOOTTIME through a timerfd: the h2o loop's own timeouts follow the wall clock and stall
 * when it steps back, and after a suspend what was due meanwhile is due at once. A callback may start, stop
 * or free any timer or watch, itself included. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/clock.h"
#include "loop/timers.h"

struct sl_loop;
struct st_h2o_evloop_t; /* h2o_loop_t */

/* The clock must outlive the loop. Ends the process when the system gives no descriptors. */
struct sl_loop *sl_loop_new(const struct sl_clock *clock);
void sl_loop_free(struct sl_loop *l); /* all watches and timers must be stopped before */

/* Runs until sl_loop_stop. */
void sl_loop_run(struct sl_loop *l);
void sl_loop_stop(struct sl_loop *l);
/* One turn: waits at most `max_ms` for events, then runs what is due. */
void sl_loop_turn(struct sl_loop *l, int max_ms);

const struct sl_clock *sl_loop_clock(const struct sl_loop *l);
struct st_h2o_evloop_t *sl_loop_h2o(struct sl_loop *l);

/* ---- timers */

/* (Re)starts a one-shot timer; it fires `delay_ns` from now, never inside this call. */
void sl_timer_start(struct sl_loop *l, struct sl_timer *t, uint64_t delay_ns);
void sl_timer_stop(struct sl_loop *l, struct sl_timer *t); /* idempotent */

/* ---- foreign descriptors */

struct sl_watch;

/* Takes over `fd`: the watch closes it when it is freed. Readable events are off until sl_watch_read. */
struct sl_watch *sl_watch_new(struct sl_loop *l, int fd, void *arg);
/* Calls on_ready while the descriptor is readable (level-triggered; the callback reads it itself); NULL
 * stops. */
void sl_watch_read(struct sl_watch *w, void (*on_ready)(void *arg));
/* Calls on_ready once when the descriptor is writable; may be asked again from the callback. */
void sl_watch_write(struct sl_watch *w, void (*on_ready)(void *arg));
/* From now on callbacks get `arg`. */
void sl_watch_hand_over(struct sl_watch *w, void *arg);
bool sl_watch_reading(const struct sl_watch *w);
bool sl_watch_writing(const struct sl_watch *w); /* a writable event was asked for and has not come */
void sl_watch_free(struct sl_watch *w);          /* closes the descriptor; NULL ok */
