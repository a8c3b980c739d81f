/* The TLS of all listeners, and of the connections to Redis, while the service runs: read from the
 * configuration's files, put in force, renewed. The main thread owns it; http/tls.h says which threads may
 * use the contexts. */
#pragma once
#include "http/options.h"
#include "token/tls_client.h"

struct sl_config;

/* Owns a share of each; NULL: plain text. */
struct sl_tls_set {
    struct sl_tls *of[SL_TLS_LISTENERS];
    struct sl_tls_client *redis;
};

/* Reads every file that the configuration names. False when one cannot be used: a line for each into
 * `errors`, `file:line: key: what is wrong, what would be right`. Changes nothing that runs. */
SL_CHECKED bool sl_tls_read(const struct sl_config *c, struct sl_buf *errors, struct sl_tls_set *ret);
void sl_tls_set_release(struct sl_tls_set *set);
/* For --check: reads them, each problem on stderr. */
bool sl_tls_check(const struct sl_config *c);

struct sl_daemon;

/* At start: reads them into d->tls, each problem in the log. From then on warns of
 * certificates that expire soon (base/ending.h), renews the ticket keys twice a day. */
bool sl_tls_start(struct sl_daemon *d);
/* A reload: d->tls becomes `next`, takes over its shares, and is put in force. The caller owns the set
 * before, and releases it once every thread has finished its current loop turn. */
struct sl_tls_set sl_tls_replace(struct sl_daemon *d, const struct sl_tls_set *next);
/* Puts d->tls in force for connections accepted, or opened to Redis, from now on. */
void sl_tls_install(struct sl_daemon *d, const struct sl_tls_set *set);
