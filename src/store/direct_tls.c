/* TLS under a connection that waits: hiredis connects, writes commands down and parses replies; the bytes
 * between go through store/tls.c. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "store/direct_int.h"

#define READ_BYTES 65536

/* Until the socket is ready for what the link waits for. False when `until_ns` has come, or it cannot be
 * said. */
static bool wait_for(const struct sl_direct *d, uint64_t until_ns)
{
    struct pollfd p = {.fd = d->redis->fd, .events = sl_link_wants_room(d->link) ? POLLOUT : POLLIN};
    uint64_t now = sl_mono_ns(&sl_clock_system);
    int rc = now < until_ns ? poll(&p, 1, (int)((until_ns - now) / SL_NS_PER_MS) + 1) : 0;
    return rc > 0 || (rc < 0 && errno == EINTR);
}

static uint64_t limit_of(const struct sl_direct *d)
{
    return sl_mono_ns(&sl_clock_system) + d->timeout_ms * SL_NS_PER_MS;
}

bool sl_direct_secure(struct sl_direct *d, struct ssl_ctx_st *ctx, const struct sl_redis_options *o)
{
    uint64_t until = limit_of(d);
    int rc, flags = fcntl(d->redis->fd, F_GETFL);
    fcntl(d->redis->fd, F_SETFL, flags | O_NONBLOCK);
    d->link = sl_link_new(ctx, d->redis->fd, o);
    while ((rc = sl_link_handshake(d->link)) == 0)
        if (!wait_for(d, until))
            return sl_direct_fail(d, "no TLS handshake for %u ms: is it the TLS port?", d->timeout_ms);
    return rc > 0 || sl_direct_fail(d, "%s", sl_link_why(d->link));
}

bool sl_direct_queue_tls(struct sl_direct *d, const struct sl_words *w)
{
    char *text = NULL;
    long long n = redisFormatCommandArgv(&text, w->n, (const char **)w->at, w->len);
    sl_assert(n > 0);
    d->out = sl_xrealloc(d->out, d->out_len + (size_t)n);
    memcpy(d->out + d->out_len, text, (size_t)n);
    d->out_len += (size_t)n;
    redisFreeCommand(text);
    return true;
}

static bool lost(struct sl_direct *d)
{
    return sl_direct_fail(d, "Redis gave no answer: %s", sl_link_why(d->link));
}

static bool send_all(struct sl_direct *d, uint64_t until)
{
    for (size_t at = 0; at < d->out_len;) {
        struct iovec rest = {d->out + at, d->out_len - at};
        ssize_t n = sl_link_send(d->link, &rest, 1);
        if (n >= 0)
            at += (size_t)n;
        else if (errno != EAGAIN)
            return lost(d);
        else if (!wait_for(d, until))
            return sl_direct_fail(d, "Redis took no command for %u ms", d->timeout_ms);
    }
    d->out_len = 0;
    return true;
}

bool sl_direct_reply_tls(struct sl_direct *d, void **ret)
{
    char bytes[READ_BYTES];
    uint64_t until = limit_of(d);
    if (!send_all(d, until))
        return false;
    for (;;) {
        if (redisReaderGetReply(d->redis->reader, ret) != REDIS_OK)
            return sl_direct_fail(d, "Redis gave no answer: %s", d->redis->reader->errstr);
        if (*ret != NULL)
            return true;
        ssize_t n = sl_link_recv(d->link, bytes, sizeof bytes);
        if (n > 0)
            sl_assert(redisReaderFeed(d->redis->reader, bytes, (size_t)n) == REDIS_OK);
        else if (n == 0 || errno != EAGAIN)
            return lost(d);
        else if (!wait_for(d, until))
            return sl_direct_fail(d, "Redis gave no answer for %u ms", d->timeout_ms);
    }
}
