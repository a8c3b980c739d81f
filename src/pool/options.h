/* Options of one pool (rows in pool/options.c). */
#pragma once
#include "base/option.h"
#include "token/options.h"

enum sl_underflow { SL_UNDERFLOW_DELAY, SL_UNDERFLOW_FAIL };

struct sl_pool_options {
    char *name;           /* the key of the pool's map: [a-z0-9_-]+ */
    char *issuer;         /* iss claim, or NULL */
    bool aggregation_uri; /* tokens name the pool's aggregation */
    uint32_t size;
    unsigned bits;
    int final_status; /* -1: none */
    uint32_t precreation_lists, check_delay_ms;
    uint32_t threshold, capacity;
    enum sl_underflow on_underflow;
    uint32_t underflow_timeout_ms;
    uint32_t update_interval_ms;       /* 0: at once */
    uint32_t list_lifetime_ms, ttl_ms; /* whole seconds */
    bool retired;
    uint64_t retire_after_ms; /* 0: lists are never retired */
    /* Of each credential; 0: no limit. */
    uint32_t reservations_per_second, updates_per_second, limit_burst_ms;
    struct sl_signer_options signer;
};

extern const struct sl_option sl_pool_option_rows[]; /* all but `name` and `signer` */
