#include "http/pending.h"

/* Bytes of the next request, or the end of the connection: they stay in the kernel until this one is
 * answered. */
static void on_early_bytes(h2o_socket_t *sock, const char *err)
{
    (void)err;
    h2o_socket_read_stop(sock);
}

/* libh2o stops reading while a request is answered, and in each turn of its loop tells epoll what has
 * changed: for an answer that comes turns later these are two system calls, a tenth of what an update costs.
 * So epoll's interest stays, and what arrives is not read: the request points into the buffer. */
static void keep_interest(struct sl_pending_call *p)
{
    p->sock = p->call.req->conn->callbacks->get_socket(p->call.req->conn);
    h2o_socket_dont_read(p->sock, 1);
    h2o_socket_read_start(p->sock, on_early_bytes);
}

/* Before libh2o reads the next request, or closes the connection. */
static void on_request_gone(void *arg)
{
    struct sl_pending_call *p = arg;
    void *wait = p->wait;
    p->wait = NULL;
    h2o_socket_dont_read(p->sock, 0);
    if (wait == NULL)
        return;
    if (p->audit != NULL)
        sl_audit_gone(&p->call, p->audit);
    p->cancel(wait);
}

void *sl_pending_new(const struct sl_call *c, size_t size)
{
    struct sl_pending_call *p = h2o_mem_alloc_shared(&c->req->pool, size, on_request_gone);
    memset(p, 0, size);
    p->call = *c;
    p->call.f = NULL;
    keep_interest(p);
    return p;
}

void sl_pending_arrived(struct sl_pending_call *p, enum sl_err err)
{
    p->wait = NULL;
    if (p->audit != NULL)
        sl_audit_write(&p->call, p->audit, err);
    p->audit = NULL;
}
