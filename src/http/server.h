/* The HTTP server: one per thread, on that thread's loop. HTTP/1.1 only (HTTP/2 of this libh2o can be aborted
 * remotely).
 *
 * sl_http holds what the threads share, read-only once they run; sl_http_thread is what one thread owns. */
#pragma once
#include "http/options.h"
#include "http/tls.h"

struct sl_credentials;
struct sl_http;
struct sl_journal;
struct sl_http_thread;
struct sl_keeper;
struct sl_loop;
struct sl_pool_worker;
struct sl_shared;

/* `options` and `shared` outlive it. Set credentials before the threads start. */
struct sl_http *sl_http_new(const struct sl_http_options *options, struct sl_shared *shared);
/* Main thread: from now on requests are authenticated by these, which are sealed. The ones before may be
 * freed once every thread has finished the loop turn it is in. */
void sl_http_set_credentials(struct sl_http *h, const struct sl_credentials *credentials);
/* Main thread: connections that are accepted from now on use `tls`, or plain HTTP with NULL; open connections
 * stay as they are. Takes over the caller's share of `tls`. Returns the one before, whose share the caller
 * releases once every thread has finished the loop turn it is in. */
struct sl_tls *sl_http_set_tls(struct sl_http *h, enum sl_tls_listener listener, struct sl_tls *tls);
/* Before the threads start: records the calls of issuers in `j`, which outlives the threads. */
void sl_http_audit(struct sl_http *h, struct sl_journal *j);
void sl_http_free(struct sl_http *h); /* after the threads */

/* Before the threads start: its metrics. `connections`: how many clients it may have at once. */
struct sl_http_thread *sl_http_thread_new(struct sl_http *h, uint32_t connections);
/* In the thread. `worker` is NULL in the keeper's thread, which serves the ops listener; `keeper` is NULL in
 * a worker's. */
void sl_http_thread_start(struct sl_http_thread *t, struct sl_loop *loop, struct sl_pool_worker *worker,
                          struct sl_keeper *keeper);
/* Takes over the bound and listening descriptor. */
void sl_http_listen(struct sl_http_thread *t, int fd, enum sl_listener_kind kind);
/* Call it again, some milliseconds apart, until no connection is left. The first call takes the connections
 * that wait to be accepted, and then no more; each later one closes idle connections, and lets busy ones end
 * after their answer. */
void sl_http_drain(struct sl_http_thread *t);
/* Closes every connection, in whatever state; they are gone after one or two turns of the loop. */
void sl_http_cut(struct sl_http_thread *t);
uint32_t sl_http_connections(const struct sl_http_thread *t);
/* The thread's own loop, at its end. Connections that are still open are abandoned to process exit. */
void sl_http_thread_stop(struct sl_http_thread *t);
void sl_http_thread_free(struct sl_http_thread *t);
