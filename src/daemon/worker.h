/* A serving thread: its loop, HTTP server, Redis connection and part of the pool layer. */
#pragma once
#include "http/server.h"
#include "worker/connection.h"
#include "worker/worker.h"

struct sl_sockets {
    int fds[SL_HTTP_LISTENERS];
    enum sl_listener_kind kinds[SL_HTTP_LISTENERS];
    unsigned count;
};

struct sl_worker {
    unsigned id;
    struct sl_mailbox mail;
    struct sl_thread *thread;
    struct sl_loop *loop;
    struct sl_http_thread *http;
    struct sl_pool_worker pool;
    struct sl_store *store;
    struct sl_metric_slab *store_metrics;
    struct sl_daemon *daemon;
    struct sl_sockets sockets; /* listening, handed over at start */
    struct sl_timer drain_tick;
    uint64_t drain_until_ns;
    bool draining, cut;
    bool store_up;
};

/* Before the threads start: metrics, mailbox. */
void sl_worker_init(struct sl_worker *w, struct sl_daemon *d, unsigned id);
void sl_worker_start(struct sl_worker *w);
/* From the main thread: stop accepting, finish requests (within shutdown.deadline), end the thread. */
void sl_worker_drain(struct sl_worker *w);
void sl_worker_join(struct sl_worker *w);
void sl_worker_free(struct sl_worker *w);
