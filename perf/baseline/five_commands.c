/* The usual way to write this service: an update sends five Redis commands, each after the reply to the one
 * before. All requests share one connection, on which hiredis pipelines the commands of different requests.
 *
 * PATCH {"uri","index","value"} sends HGET pool config, HGET list config, BITFIELD GET, BITFIELD SET and
 * HINCRBY version, and answers 204. --redis: the path of the Unix socket. */
#include "serve.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "redis_loop.h"

static h2o_generator_t nothing_more = {NULL, NULL};

struct update {
    h2o_req_t *req;
    redisAsyncContext *redis;
    unsigned step;
    long long index, value;
};

static void finish(h2o_req_t *req, int status, const char *reason)
{
    req->res.status = status;
    req->res.reason = reason;
    req->res.content_length = status == 204 ? SIZE_MAX : 0;
    h2o_start_response(req, &nothing_more);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void next(redisAsyncContext *redis, void *reply, void *arg);

static void send_step(struct update *u)
{
    switch (u->step) {
    case 0:
        redisAsyncCommand(u->redis, next, u, "HGET five:pool bits");
        break;
    case 1:
        redisAsyncCommand(u->redis, next, u, "HGET five:list:config size");
        break;
    case 2:
        redisAsyncCommand(u->redis, next, u, "BITFIELD five:list:data GET u1 %lld", u->index);
        break;
    case 3:
        redisAsyncCommand(u->redis, next, u, "BITFIELD five:list:data SET u1 %lld %lld", u->index, u->value);
        break;
    default:
        redisAsyncCommand(u->redis, next, u, "HINCRBY five:list:config version 1");
    }
}

static void next(redisAsyncContext *redis, void *reply, void *arg)
{
    struct update *u = arg;
    const redisReply *r = reply;
    (void)redis;
    if (r == NULL || r->type == REDIS_REPLY_ERROR) {
        finish(u->req, 503, "Service Unavailable");
        free(u);
    } else if (++u->step < 5) {
        send_step(u);
    } else {
        finish(u->req, 204, "No Content");
        free(u);
    }
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    json_t *body = json_loadb(req->entity.base, req->entity.len, 0, NULL);
    const json_t *index = json_object_get(body, "index"), *value = json_object_get(body, "value");
    struct update *u = calloc(1, sizeof *u);
    if (u == NULL || !json_is_integer(index) || !json_is_integer(value)) {
        finish(req, 400, "Bad Request");
        free(u);
    } else {
        *u = (struct update){.req = req,
                             .redis = serve_data(req),
                             .index = json_integer_value(index),
                             .value = json_integer_value(value)};
        send_step(u);
    }
    json_decref(body);
    return 0;
}

static void ignore(redisAsyncContext *redis, void *reply, void *arg)
{
    (void)redis, (void)reply, (void)arg;
}

static void *start(h2o_loop_t *loop, const void *path)
{
    redisAsyncContext *redis = redisAsyncConnectUnix(path);
    redis_loop_attach(redis, loop);
    redisAsyncCommand(redis, ignore, NULL, "HSET five:pool bits 1");
    redisAsyncCommand(redis, ignore, NULL, "HSET five:list:config size 1000000 version 0");
    return redis;
}

int main(int argc, char **argv)
{
    struct serve_options o;
    serve_parse(&o, argc, argv);
    serve_run(&o, on_req, start, serve_argument(argc, argv, "--redis", "/nonexistent"));
    return 0;
}
