#include "redis_loop.h"

#include <stdio.h>
#include <stdlib.h>

static void on_readable(h2o_socket_t *sock, const char *err)
{
    (void)err;
    redisAsyncHandleRead(sock->data);
}

static void on_writable(h2o_socket_t *sock, const char *err)
{
    (void)err;
    redisAsyncHandleWrite(sock->data);
}

static void add_read(void *p)
{
    if (!h2o_socket_is_reading(p))
        h2o_socket_read_start(p, on_readable);
}

static void del_read(void *p)
{
    h2o_socket_read_stop(p);
}

static void add_write(void *p)
{
    if (!h2o_socket_is_writing(p))
        h2o_socket_notify_write(p, on_writable);
}

static void nothing(void *p)
{
    (void)p; /* a write event comes once by itself */
}

static void lost(const redisAsyncContext *redis, int status)
{
    (void)status;
    fprintf(stderr, "redis: %s\n", redis->errstr);
    exit(1);
}

static void connected(const redisAsyncContext *redis, int status)
{
    if (status != REDIS_OK)
        lost(redis, status);
}

void redis_loop_attach(redisAsyncContext *redis, h2o_loop_t *loop)
{
    h2o_socket_t *sock = h2o_evloop_socket_create(loop, redis->c.fd, H2O_SOCKET_FLAG_DONT_READ);
    sock->data = redis;
    redis->ev.data = sock;
    redis->ev.addRead = add_read;
    redis->ev.delRead = del_read;
    redis->ev.addWrite = add_write;
    redis->ev.delWrite = nothing;
    redis->ev.cleanup = nothing;
    redisAsyncSetConnectCallback(redis, connected);
    redisAsyncSetDisconnectCallback(redis, lost);
    add_write(sock);
}
