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

/* Of the listeners by number, and of Redis. */
#define SL_TLS_REDIS SL_TLS_LISTENERS
struct sl_tls_reading {
    const struct sl_clock *clock;    /* NULL: certificates that have expired are taken */
    const struct sl_tls_set *before; /* what those keep whose files cannot be used; NULL: none */
    bool kept[SL_TLS_LISTENERS + 1]; /* these do */
};
/* The map of the configuration that these files are named in: "tls.public.", "redis.tls.". */
const char *sl_tls_map(unsigned i, char text[static 32]);
/* Reads every file that the configuration names. Where one cannot be used: a line for each into `errors`,
 * `file:line: key: what is wrong, what would be right`; false, unless what was there before is kept. Changes
 * nothing that runs. */
SL_CHECKED bool sl_tls_read(const struct sl_config *c, struct sl_tls_reading *how, struct sl_buf *errors,
                            struct sl_tls_set *ret);
void sl_tls_set_release(struct sl_tls_set *set);
/* For --check: reads them, each problem on stderr. */
bool sl_tls_check(const struct sl_config *c);

struct sl_daemon;

/* At start: reads them into d->tls, each problem in the log; certificates that are not valid now are shown
 * all the same, so that one that has expired takes nothing else with it. From then on warns of certificates
 * that expire soon (base/ending.h), renews the ticket keys twice a day. */
bool sl_tls_start(struct sl_daemon *d);
/* A reload: d->tls becomes `next`, takes over its shares, and is put in force. The caller owns the set
 * before, and releases it once every thread has finished its current loop turn. */
struct sl_tls_set sl_tls_replace(struct sl_daemon *d, const struct sl_tls_set *next);
/* Puts d->tls in force for connections accepted, or opened to Redis, from now on. */
void sl_tls_install(struct sl_daemon *d, const struct sl_tls_set *set);
