#include "store/rights.h"

enum need { ALWAYS, DATABASE, CONFIG, REPLICAS };

static const struct {
    enum need need;
    const char *command;
} rights[] = {
#define X(need, command) {need, command},
    SL_RIGHTS(X)
#undef X
};

static bool is_needed(enum need need, const struct sl_redis_options *options)
{
    switch (need) {
    case DATABASE:
        return options->database != 0;
    case CONFIG: /* where it is forbidden, verify.c judges */
        return !options->assume_persistence;
    case REPLICAS:
        return options->wait_replicas > 0;
    case ALWAYS:
        break;
    }
    return true;
}

void sl_rights_put(const struct sl_redis_options *options, struct sl_buf *out)
{
    for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        if (!is_needed(rights[i].need, options))
            continue;
        sl_buf_puts(out, rights[i].command);
        sl_buf_putc(out, '\n');
    }
}
