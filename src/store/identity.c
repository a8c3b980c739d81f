#include "store/identity.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/hex.h"
#include "store/files_int.h"

static void make_run_id(const struct sl_clock *clock, char out[static 17])
{
    uint8_t nonce[8];
    sl_random(clock, nonce, sizeof nonce);
    sl_hex_encode(nonce, sizeof nonce, out);
    out[2 * sizeof nonce] = '\0';
}

bool sl_store_identity_load(const char *storage, const struct sl_clock *clock, struct sl_buf *why,
                            struct sl_store_identity *ret)
{
    char path[PATH_MAX], text[SL_UUID_TEXT + 2] = {0};
    size_t len = 0;
    struct sl_uuid id;
    struct sl_store_identity me = {0};
    int n = snprintf(path, sizeof path, "%s/instance-id", storage);
    if (n < 0 || (size_t)n >= sizeof path) {
        sl_buf_puts(why, "the path of the storage directory is too long");
        return false;
    }
    if (!sl_file_read(path, text, sizeof text, &len)) {
        if (errno == ENOENT) {
            id = sl_uuid_v4(clock);
            sl_uuid_text(&id, text);
            text[SL_UUID_TEXT] = '\n';
            len = SL_UUID_TEXT + 1;
            errno = 0;
            sl_file_replace(path, text, len);
        }
        if (errno != 0) {
            sl_buf_printf(why, "cannot read or create %s: %s", path, strerror(errno));
            return false;
        }
    }
    if (len != SL_UUID_TEXT + 1 || text[SL_UUID_TEXT] != '\n' ||
        !sl_uuid_parse(sl_span(text, SL_UUID_TEXT), &id)) {
        sl_buf_printf(why, "%s does not hold a UUID: remove it to become a new instance", path);
        return false;
    }
    memcpy(me.instance, text, SL_UUID_TEXT);
    make_run_id(clock, me.run);
    *ret = me;
    return true;
}
