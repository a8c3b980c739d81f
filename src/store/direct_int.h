/* What the files of the blocking connection share. Internal to the store layer. */
#pragma once
#include <hiredis/hiredis.h>

#include "store/decode_int.h"
#include "store/direct.h"
#include "store/tls_int.h"

#define SL_DIRECT_WHY 300
#define SL_DIRECT_SHA 40 /* hex characters */

/* The scripts that are used here. */
enum { SL_DIRECT_OPEN_POOL, SL_DIRECT_IMPORT, SL_DIRECT_SCRIPTS };

struct sl_direct {
    redisContext *redis;
    redisReply *reply;    /* of the last call */
    struct sl_link *link; /* TLS over the context's socket; NULL: plain */
    char *out;            /* under TLS: commands that wait for the next reply to be asked for */
    size_t out_len;
    uint32_t timeout_ms;
    unsigned database;
    bool appends;
    char sha[SL_DIRECT_SCRIPTS][SL_DIRECT_SHA + 1];
    char why[SL_DIRECT_WHY];
};

#define SL_DIRECT_WORDS 16

/* A command: its words are the caller's. */
struct sl_words {
    const char *at[SL_DIRECT_WORDS];
    size_t len[SL_DIRECT_WORDS];
    int n;
};

void sl_words_add(struct sl_words *w, const char *bytes, size_t n);
struct sl_words sl_words_of(const char *const *list); /* ends with NULL */

/* Says why; always false. */
bool sl_direct_fail(struct sl_direct *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool sl_direct_bad_shape(struct sl_direct *d, const char *of);
/* To be sent with the next reply that is waited for. */
bool sl_direct_queue(struct sl_direct *d, const struct sl_words *w);
/* The next reply into d->reply; an error of Redis is a failure. */
bool sl_direct_reply(struct sl_direct *d);
bool sl_direct_run(struct sl_direct *d, const struct sl_words *w);
bool sl_direct_say(struct sl_direct *d, const char *const *list);

/* direct_tls.c: the handshake, and what queue and reply are under it. */
bool sl_direct_secure(struct sl_direct *d, struct ssl_ctx_st *ctx, const struct sl_redis_options *o);
bool sl_direct_queue_tls(struct sl_direct *d, const struct sl_words *w);
bool sl_direct_reply_tls(struct sl_direct *d, void **ret);
