/* The connection that store and feed share: its state, its socket, the calls that await replies. Internal to
 * the store layer. hiredis parses the replies; sockets, queue and deadlines are ours, so that what was sent
 * is known to the byte.
 *
 * Below it: dial.c makes the socket. Above it: greet.c says who we are, then the owner (store.c, feed.c)
 * prepares.
 *
 * Owner: one loop thread. Calls are answered in the order in which they were sent (the protocol has no
 * other). */
#pragma once
#include "store/dial_int.h"
#include "store/verify_int.h"
#include "store/wire_int.h"

struct redisReply;
struct redisReader;
struct sl_call;
struct sl_conn;

typedef void(sl_conn_cb)(struct sl_conn *c);
/* The answer to a command. */
typedef void(sl_answer_cb)(struct sl_conn *c, const struct redisReply *reply);
/* `first` and `last` are the first and the last reply of a call (the same when one is awaited); both NULL:
 * the connection was lost, and call->sent says whether a byte had left. Owns the call from then on. */
typedef void(sl_call_cb)(struct sl_conn *c, struct sl_call *call, const struct redisReply *first,
                         const struct redisReply *last);

/* One or more commands in one piece. */
struct sl_call {
    struct sl_call *next;
    char *bytes; /* owned; kept until on_reply has the call */
    size_t len, sent;
    unsigned awaits; /* replies that have not come */
    uint64_t started_ns;
    struct redisReply *first;
    sl_call_cb *on_reply;
};

struct sl_conn_hooks {
    /* State GREETING: the owner greets and prepares, and ends with sl_conn_up or sl_conn_drop. */
    sl_conn_cb *connected;
    /* True when the reply answers no call but is news (Pub/Sub). May be NULL. */
    bool (*news)(struct sl_conn *c, const struct redisReply *reply);
    /* Once a second while UP. */
    sl_conn_cb *beat;
    /* Frees what the connection is embedded in. */
    sl_conn_cb *destroy;
};

/* check.c's part, of a connection that `verifies`. */
struct sl_check {
    bool running;
    bool accepted; /* a server has passed: from then on one that is unfit is used as far as possible */
    uint64_t done_ns;
    struct sl_span info; /* owned copy: waits for CONFIG GET */
    enum sl_verdict verdict;
    bool risky;
    char why[240];
    /* wait-replicas: the most replicas that there were and when they were last as many; what was told. */
    uint32_t replicas, told;
    uint64_t replicas_ns;
    uint64_t watched_until_ns; /* sentinels were seen */
};

struct sl_conn {
    struct sl_store_setup setup;
    const struct sl_conn_hooks *hooks;
    enum sl_store_state state;
    char reason[256];
    bool hopeless;

    struct sl_dial dial;
    struct sl_watch *watch; /* NULL: no socket */
    int fd;                 /* the watch's */
    struct sl_link *link;   /* TLS over the socket; NULL: plain */
    struct redisReader *reader;
    struct sl_call *head, *tail; /* sent or to be sent, oldest first */
    struct sl_call *unsent;      /* the first that is not wholly written */
    struct sl_call *lost;        /* of a closed connection: their callbacks are still to be called */
    uint64_t progress_ns;        /* when bytes last came */

    struct sl_timer deadline; /* of the oldest call */
    struct sl_timer retry;    /* backoff while DOWN; the end of DRAINING */
    struct sl_timer beat;
    unsigned failures; /* since UP, for the backoff */
    unsigned busy;     /* callbacks of ours that are on the stack */
    bool doomed;       /* freed while busy: destroyed when the stack has unwound */

    /* greet.c */
    int64_t client_id;
    unsigned kills; /* replies to CLIENT KILL that are awaited */
    bool watched;   /* a client of Redis is a sentinel */
    sl_conn_cb *greeted;

    /* check.c */
    struct sl_check check;
    struct sl_store_server server;
    sl_server_cb *asked; /* of sl_store_ask_server; NULL: nobody asks */
    void *asked_arg;
};

void sl_conn_init(struct sl_conn *c, const struct sl_store_setup *setup, const struct sl_conn_hooks *hooks);
/* Fails the calls, then hooks->destroy, at the latest when the stack unwinds. */
void sl_conn_free(struct sl_conn *c);
void sl_conn_drain(struct sl_conn *c, uint64_t deadline_ns);

/* Any state with a socket. The call belongs to the connection until its on_reply. */
void sl_conn_send(struct sl_conn *c, struct sl_call *call);
/* One command of plain texts (argv ends with NULL); on_answer is not called when the connection is lost. */
void sl_conn_ask(struct sl_conn *c, sl_answer_cb *on_answer, const char *const *argv);
/* The greeting is over. on_state may free or drain the connection: look at c->state afterwards. */
void sl_conn_verifying(struct sl_conn *c);
void sl_conn_up(struct sl_conn *c);
/* Closes the socket, fails the calls, tries again later. Only from the loop's callbacks. */
void sl_conn_drop(struct sl_conn *c, bool hopeless, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for an error reply: names the command and quotes Redis. */
void sl_conn_refused(struct sl_conn *c, const char *what, const struct redisReply *reply);

static inline uint64_t sl_conn_now(const struct sl_conn *c)
{
    return sl_mono_ns(sl_loop_clock(c->setup.loop));
}
