#include "http/pressure.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/log.h"
#include "http/thread.h"

struct sl_pressure {
    struct sl_http_thread *thread;
    struct sl_timer timer;
    bool relieved; /* connections were closed for their memory, which was not returned to the system yet */
};

/* A check takes about 0.1 us for each connection. */
#define CHECK_NS (SL_NS_PER_S / 20)
#define CHECK_NS_EACH 25000
#define NEW_MS 250  /* a new connection has this long to send its request, even if others wait */
#define BUSY_MS 500 /* a request has this long to arrive, however much memory it holds */
/* The largest head that libh2o reads, in a buffer that doubles. */
#define HEAD_ROOM (1u << 19)
/* While only the last eighth of the places is free, a client has less time to read its answer. */
#define SHORT_SHARE 8

static void count_shed(const struct sl_http_thread *t, enum sl_shed why, uint64_t n)
{
    if (n > 0)
        sl_metric_add_label(t->metrics, SL_HT_SHED, why, n);
}

/* ---- places */

bool sl_pressure_shed(struct sl_http_thread *t)
{
    if (sl_tls_shed(&t->tls, NEW_MS * SL_NS_PER_MS)) {
        count_shed(t, SL_SHED_HANDSHAKE, 1);
        return true;
    }
    /* libh2o has a list of the connections that wait for a request, or for the rest of one, the oldest first,
     * each with a callback that closes it. */
    h2o_linklist_t *waiting = &t->ctx.http1.req_timeout._entries;
    if (h2o_linklist_is_empty(waiting))
        return false;
    h2o_timeout_entry_t *oldest = H2O_STRUCT_FROM_MEMBER(h2o_timeout_entry_t, _link, waiting->next);
    if (oldest->registered_at + NEW_MS > h2o_now(t->ctx.loop))
        return false;
    h2o_timeout_unlink(oldest);
    oldest->cb(oldest);
    count_shed(t, SL_SHED_IDLE, 1);
    return true;
}

/* ---- memory and time */

/* One check of all connections. */
struct check {
    struct timeval now;
    int64_t slow_ms;       /* how long a client may take to read an answer */
    size_t share;          /* connections with larger buffers are closed */
    bool young;            /* only requests that began less than BUSY_MS ago; false: only older ones */
    uint64_t held, ended;  /* bytes */
    uint32_t reading, cut; /* connections */
    uint32_t slow;
    h2o_socket_t *next_to_go; /* is closed at the next step of the walk; NULL: none */
};

/* libh2o notices it and closes the connection. */
static void cut_socket(h2o_socket_t *sock)
{
    shutdown(h2o_socket_get_fd(sock), SHUT_RDWR);
}

/* From a socket that it reads, libh2o would first take everything that the kernel has. So its callback is
 * called with a read error, and it frees the buffer at once. It is called one step later, because it removes
 * the request from the list that the walk is on. */
static void end_reading(struct check *l)
{
    h2o_socket_t *sock = l->next_to_go;
    l->next_to_go = NULL;
    if (sock == NULL)
        return;
    cut_socket(sock);
    if (sock->_cb.read != NULL)
        sock->_cb.read(sock, "too much memory");
}

static int64_t age_ms(const struct check *l, struct timeval since)
{
    return h2o_timeval_subtract(&since, (struct timeval *)&l->now) / 1000;
}

static size_t buffered(h2o_req_t *req)
{
    const h2o_buffer_t *b = req->conn->callbacks->get_socket(req->conn)->input;
    return b->bytes != NULL ? b->capacity : 0;
}

static bool is_complete(const h2o_req_t *req)
{
    return req->processed_at.at.tv_sec != 0;
}

static int measure_request(h2o_req_t *req, void *arg)
{
    struct check *l = arg;
    struct timeval answered = req->timestamps.response_start_at;
    if (is_complete(req)) {
        if (answered.tv_sec != 0 && age_ms(l, answered) > l->slow_ms) {
            l->slow++;
            cut_socket(req->conn->callbacks->get_socket(req->conn));
        }
        return 0;
    }
    l->reading++;
    l->held += buffered(req);
    return 0;
}

static int trim_request(h2o_req_t *req, void *arg)
{
    struct check *l = arg;
    size_t n = buffered(req);
    end_reading(l);
    if (is_complete(req) || n <= l->share ||
        (age_ms(l, req->timestamps.request_begin_at) < BUSY_MS) != l->young)
        return 0;
    l->ended += n;
    l->cut++;
    l->next_to_go = req->conn->callbacks->get_socket(req->conn);
    return 0;
}

static void walk_requests(struct sl_http_thread *t, struct check *l, int (*each)(h2o_req_t *, void *))
{
    t->http->conf.http1.callbacks.foreach_request(&t->ctx, each, l);
    end_reading(l);
}

/* Closes the connections that hold more than an equal share of the budget, so that the rest fits into it;
 * first those whose request began some time ago. */
static void relieve_memory(struct sl_http_thread *t, struct check *l, uint64_t budget)
{
    l->share = (size_t)(budget / l->reading);
    walk_requests(t, l, trim_request);
    if (l->held - l->ended > budget) {
        l->young = true;
        walk_requests(t, l, trim_request);
    }
    sl_log(SL_WARN, "http", "incoming requests hold too much memory", SL_KU("bytes", l->held),
           SL_KU("ended", l->cut));
}

static uint64_t budget_of(const struct sl_http_thread *t)
{
    const struct sl_http_limits *limits = &t->http->options->limits;
    uint64_t share = (uint64_t)limits->request_memory * t->max_connections / limits->connections;
    uint64_t least = 4 * (HEAD_ROOM + 2 * (uint64_t)limits->body);
    return share > least ? share : least;
}

static void on_check(void *arg)
{
    struct sl_pressure *p = arg;
    struct sl_http_thread *t = p->thread;
    uint64_t budget = budget_of(t);
    struct check l = {.now = *h2o_get_timestamp(&t->ctx, NULL, NULL),
                      .slow_ms = t->http->options->limits.send_ms};
    if (t->max_connections - t->connections < t->max_connections / SHORT_SHARE)
        l.slow_ms /= SHORT_SHARE;
    walk_requests(t, &l, measure_request);
    sl_metric_set(t->metrics, SL_HT_REQUEST_MEMORY, l.held);
    if (l.held > budget) {
        relieve_memory(t, &l, budget);
        p->relieved = true;
    } else if (p->relieved && l.held < budget / 4) {
        p->relieved = false;
        malloc_trim(0);
    }
    count_shed(t, SL_SHED_SLOW, l.slow);
    count_shed(t, SL_SHED_MEMORY, l.cut);
    for (uint32_t i = t->max_connections / SHORT_SHARE + 1; !t->accepting && !t->draining && i > 0; i--)
        if (!sl_pressure_shed(t))
            break;
    sl_timer_start(t->loop, &p->timer, CHECK_NS + (uint64_t)t->connections * CHECK_NS_EACH);
}

void sl_pressure_start(struct sl_http_thread *t)
{
    struct sl_pressure *p = sl_xcalloc(1, sizeof *p);
    p->thread = t;
    t->pressure = p;
    sl_timer_init(&p->timer, on_check, p);
    sl_timer_start(t->loop, &p->timer, CHECK_NS);
}

void sl_pressure_stop(struct sl_http_thread *t)
{
    sl_timer_stop(t->loop, &t->pressure->timer);
    free(t->pressure);
    t->pressure = NULL;
}
