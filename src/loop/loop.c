#include "loop/loop.h"

#include <h2o.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "loop/timers.h"

struct sl_loop {
    h2o_evloop_t *h2o;
    const struct sl_clock *clock;
    struct sl_timers timers;
    struct sl_watch *timer_watch;
    int timer_fd;
    uint64_t armed_ns; /* what the timerfd is set to; UINT64_MAX = nothing */
    bool stopping;
};

struct sl_watch {
    h2o_socket_t *sock;
    void (*on_read)(void *arg);
    void (*on_write)(void *arg);
    void *arg;
};

static void arm(struct sl_loop *l)
{
    const struct sl_timer *first = sl_timers_first(&l->timers);
    if (first == NULL || first->due_ns >= l->armed_ns)
        return;
    l->armed_ns = first->due_ns;
    /* A due time of zero would disarm; one that has passed fires at once. */
    struct itimerspec at = {
        .it_value = {.tv_sec = (time_t)(first->due_ns / SL_NS_PER_S),
                     .tv_nsec = (long)(first->due_ns % SL_NS_PER_S) + (first->due_ns == 0)}};
    int failed = timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    sl_assert(!failed);
}

static void on_timerfd(void *arg)
{
    struct sl_loop *l = arg;
    uint64_t expirations;
    if (read(l->timer_fd, &expirations, sizeof expirations) < 0)
        return;
    l->armed_ns = UINT64_MAX;
    /* Only what is due as of now: a callback that starts a timer again waits for the next turn. */
    uint64_t now = sl_mono_ns(l->clock);
    for (struct sl_timer *t; (t = sl_timers_first(&l->timers)) != NULL && t->due_ns <= now;) {
        sl_timers_remove(&l->timers, t);
        t->on_due(t->arg);
    }
    arm(l);
}

struct sl_loop *sl_loop_new(const struct sl_clock *clock)
{
    struct sl_loop *l = sl_xcalloc(1, sizeof *l);
    l->clock = clock;
    l->h2o = h2o_evloop_create();
    l->armed_ns = UINT64_MAX;
    l->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    sl_assert(l->h2o != NULL && l->timer_fd >= 0);
    l->timer_watch = sl_watch_new(l, l->timer_fd, l);
    sl_watch_read(l->timer_watch, on_timerfd);
    return l;
}

void sl_loop_free(struct sl_loop *l)
{
    if (l == NULL)
        return;
    sl_watch_free(l->timer_watch);
    h2o_evloop_run(l->h2o, 0); /* frees what was closed */
    h2o_evloop_destroy(l->h2o);
    sl_timers_free(&l->timers);
    free(l);
}

void sl_loop_turn(struct sl_loop *l, int max_ms)
{
    /* -1 with EINTR is a turn like any other. */
    h2o_evloop_run(l->h2o, max_ms);
}

void sl_loop_run(struct sl_loop *l)
{
    while (!l->stopping)
        sl_loop_turn(l, INT32_MAX);
    l->stopping = false;
}

void sl_loop_stop(struct sl_loop *l)
{
    l->stopping = true;
}

const struct sl_clock *sl_loop_clock(const struct sl_loop *l)
{
    return l->clock;
}

struct st_h2o_evloop_t *sl_loop_h2o(struct sl_loop *l)
{
    return l->h2o;
}

void sl_timer_start(struct sl_loop *l, struct sl_timer *t, uint64_t delay_ns)
{
    sl_timer_stop(l, t);
    t->due_ns = sl_mono_ns(l->clock) + delay_ns;
    sl_timers_insert(&l->timers, t);
    arm(l);
}

void sl_timer_stop(struct sl_loop *l, struct sl_timer *t)
{
    if (t->position != 0)
        sl_timers_remove(&l->timers, t);
}

static void on_readable(h2o_socket_t *sock, const char *err)
{
    (void)err; /* the owner sees the error when it reads */
    struct sl_watch *w = sock->data;
    w->on_read(w->arg);
}

static void on_writable(h2o_socket_t *sock, const char *err)
{
    (void)err;
    struct sl_watch *w = sock->data;
    w->on_write(w->arg);
}

struct sl_watch *sl_watch_new(struct sl_loop *l, int fd, void *arg)
{
    struct sl_watch *w = sl_xcalloc(1, sizeof *w);
    /* Without DONT_READ h2o would read the bytes into a buffer of its own. */
    w->sock = h2o_evloop_socket_create(l->h2o, fd, H2O_SOCKET_FLAG_DONT_READ);
    w->sock->data = w;
    w->arg = arg;
    return w;
}

void sl_watch_read(struct sl_watch *w, void (*on_ready)(void *arg))
{
    w->on_read = on_ready;
    if (on_ready == NULL)
        h2o_socket_read_stop(w->sock);
    else if (!h2o_socket_is_reading(w->sock))
        h2o_socket_read_start(w->sock, on_readable);
}

void sl_watch_write(struct sl_watch *w, void (*on_ready)(void *arg))
{
    w->on_write = on_ready;
    if (!h2o_socket_is_writing(w->sock)) /* asking twice is an assertion of h2o's */
        h2o_socket_notify_write(w->sock, on_writable);
}

void sl_watch_hand_over(struct sl_watch *w, void *arg)
{
    w->arg = arg;
}

bool sl_watch_reading(const struct sl_watch *w)
{
    return h2o_socket_is_reading(w->sock);
}

bool sl_watch_writing(const struct sl_watch *w)
{
    return h2o_socket_is_writing(w->sock);
}

void sl_watch_free(struct sl_watch *w)
{
    if (w == NULL)
        return;
    h2o_socket_close(w->sock);
    free(w);
}
