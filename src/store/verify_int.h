/* Whether the server is what the options promise to users. Internal to the store layer. */
#pragma once
#include "base/buf.h"
#include "store/options.h"

struct redisReply;

/* From good to bad: of several the worst counts. */
enum sl_verdict {
    SL_VERDICT_FIT,
    SL_VERDICT_PASSING, /* unfit; may pass by itself, so a start goes on */
    SL_VERDICT_UNFIT,   /* unfit until an operator mends it: a start is refused */
    SL_VERDICT_REPLICA, /* not a primary at present: nothing is sent to it */
    SL_VERDICT_NEVER    /* a server of a kind that is not supported */
};

/* `info`: the reply of INFO; `config`: that of CONFIG GET, an error where it is forbidden. One sentence in
 * why, unless it is fit. */
enum sl_verdict sl_verify_server(const struct sl_redis_options *options, struct sl_span info,
                                 const struct redisReply *config, struct sl_buf *why);
