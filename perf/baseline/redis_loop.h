/* hiredis on an h2o loop. */
#pragma once
#include <h2o.h>
#include <hiredis/async.h>

/* Takes the connected (or connecting) context over; ends the process when the connection is lost: a baseline
 * that answers errors quickly would look fast. */
void redis_loop_attach(redisAsyncContext *redis, h2o_loop_t *loop);
