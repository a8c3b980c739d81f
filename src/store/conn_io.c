/* Bytes in and out of a connection: replies to the calls that await them, commands of the calls that wait to
 * be sent. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "store/conn_int.h"

#define READ_BYTES 65536
#define READS_PER_EVENT 4 /* so that one connection does not hold the loop */
#define IOV_PER_WRITE 64

/* ---- reading */

static void dispatch(struct sl_conn *c, struct redisReply *r)
{
    struct sl_call *call = c->head;
    if (c->hooks->news != NULL && c->hooks->news(c, r)) {
        freeReplyObject(r);
        return;
    }
    if (call == NULL || call->sent == 0) { /* such as: -ERR max number of clients reached */
        sl_conn_drop(c, false, "Redis sent what nobody asked for: %.100s", r->str != NULL ? r->str : "");
        freeReplyObject(r);
        return;
    }
    if (call->first == NULL)
        call->first = r;
    if (--call->awaits > 0) {
        if (call->first != r)
            freeReplyObject(r);
        return;
    }
    c->head = call->next;
    if (c->head == NULL)
        c->tail = NULL;
    if (c->unsent == call)
        c->unsent = c->head;
    struct redisReply *first = call->first;
    call->first = NULL;
    call->next = NULL;
    call->on_reply(c, call, first, r);
    if (first != r)
        freeReplyObject(first);
    freeReplyObject(r);
}

static void parse(struct sl_conn *c)
{
    void *r;
    while (c->reader != NULL) {
        if (redisReaderGetReply(c->reader, &r) != REDIS_OK) {
            sl_conn_drop(c, false, "Redis does not speak its protocol: %s", c->reader->errstr);
            return;
        }
        if (r == NULL)
            return;
        dispatch(c, r);
    }
}

static void on_writable(void *arg);

/* What recv or send answered: 0, or -1 with errno. */
static void lost(struct sl_conn *c, ssize_t n)
{
    const char *why = c->link != NULL ? sl_link_why(c->link) : n == 0 ? "closed by Redis" : strerror(errno);
    bool by_tls = n < 0 && c->link != NULL && sl_link_hopeless(c->link);
    /* A port that speaks TLS ends a connection that does not. */
    bool hint = c->link == NULL && c->state == SL_STORE_GREETING && c->setup.options->socket == NULL;
    sl_conn_drop(c, by_tls, "connection lost: %s%s", why,
                 hint ? "; does Redis speak TLS there (redis.tls.enabled)?" : "");
}

/* TLS may have to answer before it reads on (RFC 8446 section 4.6.3): reading rests until there is room. */
static void wait_for_room(struct sl_conn *c)
{
    sl_watch_read(c->watch, NULL);
    sl_watch_write(c->watch, on_writable);
}

static ssize_t receive(struct sl_conn *c, char *bytes, size_t cap)
{
    return c->link == NULL ? recv(c->fd, bytes, cap, 0) : sl_link_recv(c->link, bytes, cap);
}

void sl_conn_read(struct sl_conn *c)
{
    char bytes[READ_BYTES];
    for (int i = 0; i < READS_PER_EVENT && c->watch != NULL; i++) {
        ssize_t n = receive(c, bytes, sizeof bytes);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (c->link != NULL && sl_link_wants_room(c->link))
                wait_for_room(c);
            return;
        }
        if (n <= 0) {
            lost(c, n);
            return;
        }
        c->progress_ns = sl_conn_now(c);
        if (redisReaderFeed(c->reader, bytes, (size_t)n) != REDIS_OK) {
            sl_conn_drop(c, false, "connection given up: %s", c->reader->errstr);
            return;
        }
        parse(c);
        if ((size_t)n < sizeof bytes)
            return;
    }
}

static void on_readable(void *arg)
{
    struct sl_conn *c = arg;
    sl_conn_hold(c);
    sl_conn_read(c);
    sl_conn_finish_drain(c);
    if (c->watch != NULL && c->unsent != NULL && !sl_watch_writing(c->watch)) /* TLS had to read first */
        sl_watch_write(c->watch, on_writable);
    sl_conn_release(c);
}

void sl_conn_listen(struct sl_conn *c)
{
    c->reader = redisReaderCreate();
    sl_assert(c->reader != NULL);
    sl_watch_read(c->watch, on_readable);
    if (sl_watch_writing(c->watch)) /* the handshake waited for room, and went on before it was told */
        sl_watch_write(c->watch, on_writable);
}

/* ---- writing */

static void read_on(struct sl_conn *c)
{
    sl_conn_hold(c);
    sl_watch_read(c->watch, on_readable);
    on_readable(c);
    if (c->watch != NULL && c->unsent != NULL)
        sl_watch_write(c->watch, on_writable);
    sl_conn_release(c);
}

static void on_writable(void *arg)
{
    struct sl_conn *c = arg;
    struct iovec iov[IOV_PER_WRITE];
    struct msghdr m = {.msg_iov = iov};
    if (!sl_watch_reading(c->watch)) {
        read_on(c);
        return;
    }
    for (struct sl_call *call = c->unsent; call != NULL && m.msg_iovlen < IOV_PER_WRITE; call = call->next)
        iov[m.msg_iovlen++] = (struct iovec){call->bytes + call->sent, call->len - call->sent};
    if (m.msg_iovlen == 0)
        return;
    ssize_t n = c->link == NULL ? sendmsg(c->fd, &m, MSG_NOSIGNAL) : sl_link_send(c->link, iov, m.msg_iovlen);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        sl_conn_hold(c);
        lost(c, n);
        sl_conn_release(c);
        return;
    }
    for (size_t left = n > 0 ? (size_t)n : 0; left > 0;) {
        struct sl_call *call = c->unsent;
        size_t part = call->len - call->sent < left ? call->len - call->sent : left;
        call->sent += part;
        left -= part;
        if (call->sent == call->len)
            c->unsent = call->next;
    }
    if (c->unsent != NULL && (n >= 0 || c->link == NULL || sl_link_wants_room(c->link)))
        sl_watch_write(c->watch, on_writable);
}

void sl_conn_send(struct sl_conn *c, struct sl_call *call)
{
    sl_assert(c->watch != NULL && call->awaits > 0);
    call->next = NULL;
    call->sent = 0;
    call->started_ns = sl_conn_now(c);
    if (c->tail != NULL)
        c->tail->next = call;
    else
        c->head = call;
    c->tail = call;
    if (c->unsent == NULL)
        c->unsent = call;
    if (!sl_watch_writing(c->watch))
        sl_watch_write(c->watch, on_writable);
    sl_conn_watch_deadline(c);
}

struct question {
    struct sl_call call;
    void (*on_answer)(struct sl_conn *c, const struct redisReply *r);
};

static void on_answer(struct sl_conn *c, struct sl_call *call, const struct redisReply *first,
                      const struct redisReply *last)
{
    struct question *q = (struct question *)call;
    if (last != NULL)
        q->on_answer(c, first);
    free(call->bytes);
    free(q);
}

void sl_conn_ask(struct sl_conn *c, void (*handler)(struct sl_conn *c, const struct redisReply *r),
                 const char *const *argv)
{
    struct sl_wire w = {0};
    unsigned argc = 0;
    while (argv[argc] != NULL)
        argc++;
    sl_wire_command(&w, argc);
    for (unsigned i = 0; i < argc; i++)
        sl_wire_text(&w, argv[i]);
    struct question *q = sl_xcalloc(1, sizeof *q);
    q->on_answer = handler;
    q->call = (struct sl_call){.bytes = w.data, .len = w.len, .awaits = 1, .on_reply = on_answer};
    sl_conn_send(c, &q->call);
}
