/* Whether the server is what the options promise to users. Internal to the store layer. */
#pragma once
#include "base/buf.h"
#include "store/options.h"

struct redisReply;

/* `info`: the reply of INFO; `config`: that of CONFIG GET, an error where it is forbidden. False: one
 * sentence in why, and whether waiting cannot help. */
bool sl_verify_server(const struct sl_redis_options *options, struct sl_span info,
                      const struct redisReply *config, struct sl_buf *why, bool *ret_hopeless);
