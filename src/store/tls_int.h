/* TLS on a connected, non-blocking socket: what recv() and sendmsg() are to a plain one. Internal to the
 * store layer; OpenSSL ends in store/tls.c.
 *
 * Owner: the connection's loop thread. The socket is the caller's, and outlives the link. SIGPIPE is ignored
 * in the process. Calls that return -1 with EAGAIN wait for the socket: to be writable when
 * sl_link_wants_room says so, readable otherwise. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct iovec;
struct sl_link;
struct sl_redis_options;
struct ssl_ctx_st;

/* Takes a reference to the context; never NULL. The options must live until the handshake has ended, their
 * names as long as the link. Nothing is sent before sl_link_handshake. */
struct sl_link *sl_link_new(struct ssl_ctx_st *ctx, int fd, const struct sl_redis_options *options);
void sl_link_free(struct sl_link *l); /* sends close_notify if the socket takes it at once; NULL ok */

/* 1: done, and the server is the expected one; 0: waits for the socket; -1: failed. */
int sl_link_handshake(struct sl_link *l);
/* As recv(): at most 64 KiB; all that has come is taken when `cap` is twice a record (32 KiB) or more, so
 * that waiting for the socket misses nothing. */
ssize_t sl_link_recv(struct sl_link *l, void *bytes, size_t cap);
/* As sendmsg(). After EAGAIN the next call begins with the same bytes (there may be more of them). Bytes
 * that it reports as sent are wholly in the socket; the server cannot read the others, because it reads no
 * record before its end. */
ssize_t sl_link_send(struct sl_link *l, const struct iovec *iov, size_t n);

bool sl_link_wants_room(const struct sl_link *l); /* what waits, waits for room to write */
const char *sl_link_why(const struct sl_link *l); /* of the last failure: a phrase */
/* The failure is about certificates: retrying cannot help. */
bool sl_link_hopeless(const struct sl_link *l);
