/* Version and cluster mode of a server do not change, CONFIG does not without an operator; a role changes,
 * and writing the append-only file can succeed again, without one. Where CONFIG is forbidden, or answers
 * without the parameters in question, only `assume-persistence` lets a server pass, and what INFO shows must
 * still be right (unless persistence is disabled). The first rule that is broken is the one reported. */
#include "store/verify_int.h"

#include <hiredis/hiredis.h>

#include "store/decode_int.h"

static bool text_is(struct sl_span text, const char *word)
{
    return sl_span_eq(text, sl_span(word, strlen(word)));
}

static struct sl_span info_or_empty(struct sl_span info, const char *name)
{
    struct sl_span value = {"", 0};
    sl_decode_info(info, name, &value);
    return value;
}

static bool explain_refusal(struct sl_buf *why, const char *what, struct sl_span have, const char *must)
{
    sl_buf_puts(why, what);
    sl_buf_puts(why, " is ");
    sl_buf_put(why, have.at, have.len < 64 ? have.len : 64);
    if (have.len == 0)
        sl_buf_puts(why, "missing");
    sl_buf_puts(why, ", must be ");
    sl_buf_puts(why, must);
    return false;
}

static bool config_value(const struct redisReply *config, const char *name, struct sl_span *ret)
{
    for (size_t i = 0; config->type == REDIS_REPLY_ARRAY && i + 1 < config->elements; i += 2) {
        const struct redisReply *key = config->element[i], *value = config->element[i + 1];
        if (key->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING &&
            text_is(sl_span(key->str, key->len), name)) {
            *ret = sl_span(value->str, value->len);
            return true;
        }
    }
    return false;
}

/* What the rules of CONFIG look at. */
struct config {
    const struct sl_redis_options *options;
    struct sl_span info;
    const struct redisReply *reply;
};

/* The rule of one CONFIG parameter: one of two words. */
static bool config_is(const struct config *config, const char *name, const char *want, const char *or_else,
                      struct sl_buf *why)
{
    struct sl_span value = {"", 0};
    if (!config_value(config->reply, name, &value) && config->options->assume_persistence)
        return true;
    return text_is(value, want) || text_is(value, or_else) || explain_refusal(why, name, value, want);
}

/* Records of an Idempotency-Key expire, so a policy that evicts only keys that expire is as bad as one that
 * evicts all of them. Unless memory has no limit: then nothing is evicted. */
static bool spares_keys(const struct config *config, struct sl_buf *why)
{
    struct sl_span policy = {"", 0};
    if (!config_value(config->reply, "maxmemory-policy", &policy) && config->options->assume_persistence)
        return true;
    bool spares = policy.len >= 8 && memcmp(policy.at, "volatile", 8) == 0;
    return text_is(policy, "noeviction") ||
           (spares && text_is(info_or_empty(config->info, "maxmemory"), "0")) ||
           explain_refusal(why, "maxmemory-policy", policy, "noeviction (or volatile-* with maxmemory 0)");
}

static bool verify_config(const struct config *config, struct sl_buf *why)
{
    const struct sl_redis_options *options = config->options;
    bool always = options->persistence == SL_PERSIST_ALWAYS;
    if (config->reply->type != REDIS_REPLY_ARRAY) {
        if (options->assume_persistence)
            return true;
        sl_buf_puts(
            why, "CONFIG GET is not permitted: permit it, or set assume-persistence to vouch for the server");
        return false;
    }
    if (!spares_keys(config, why))
        return false;
    if (options->persistence == SL_PERSIST_DISABLED)
        return true;
    return config_is(config, "appendonly", "yes", "yes", why) &&
           config_is(config, "appendfsync", always ? "always" : "everysec", "always", why) &&
           (!always || config_is(config, "no-appendfsync-on-rewrite", "no", "no", why));
}

/* Whether the append-only file is written, as INFO shows it. Engines with another log do not show it. */
static enum sl_verdict verify_log(const struct config *config, struct sl_buf *why)
{
    struct sl_span value = {"", 0};
    if (!sl_decode_info(config->info, "aof_enabled", &value) && config->options->assume_persistence)
        return SL_VERDICT_FIT;
    if (!text_is(value, "1")) {
        explain_refusal(why, "aof_enabled", value, "1");
        return config->reply->type == REDIS_REPLY_ARRAY ? SL_VERDICT_PASSING : SL_VERDICT_UNFIT;
    }
    if (!text_is(value = info_or_empty(config->info, "aof_last_write_status"), "ok")) {
        explain_refusal(why, "aof_last_write_status", value, "ok");
        return SL_VERDICT_PASSING;
    }
    return SL_VERDICT_FIT;
}

enum sl_verdict sl_verify_server(const struct sl_redis_options *options, struct sl_span info,
                                 const struct redisReply *reply, struct sl_buf *why)
{
    const struct config config = {options, info, reply};
    struct sl_span version = info_or_empty(info, "redis_version"), role = info_or_empty(info, "role");
    if (version.len < 2 || (version.at[1] == '.' && version.at[0] < '7')) {
        explain_refusal(why, "the version of Redis", version, "7.0 or later");
        return SL_VERDICT_NEVER;
    }
    if (text_is(info_or_empty(info, "cluster_enabled"), "1")) {
        sl_buf_puts(why, "Redis runs in cluster mode, which is not supported: one primary is needed");
        return SL_VERDICT_NEVER;
    }
    if (!text_is(role, "master")) {
        explain_refusal(why, "the role of the server", role, "master");
        return SL_VERDICT_REPLICA;
    }
    if (!verify_config(&config, why))
        return SL_VERDICT_UNFIT;
    return options->persistence == SL_PERSIST_DISABLED ? SL_VERDICT_FIT : verify_log(&config, why);
}
