/* The hand-over file as it is read at a start: a head, then records. The boot and the database are those of
 * the corpus. Whatever comes: not taken, or lists that are written back byte by byte. */
#include "fuzz_help.h"
#include "core/handover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_handover_scope scope = {.boot = "fuzzed boot id..", .database = 5};
    (void)sl_handover_check_head(&scope, data, size);
    for (size_t at = SL_HANDOVER_RECORD; at + SL_HANDOVER_RECORD <= size; at += SL_HANDOVER_RECORD) {
        struct sl_handed handed;
        uint8_t again[SL_HANDOVER_RECORD];
        if (!sl_handover_get_list(&scope, data + at, &handed))
            continue;
        sl_assert(strlen(handed.pool) <= SL_HANDOVER_POOL);
        sl_assert(handed.pool[0] == '\0' || strlen(handed.run) == sizeof handed.run - 1);
        sl_handover_put_list(&scope, &handed, again);
        sl_assert(memcmp(again, data + at, sizeof again) == 0);
    }
    return 0;
}
