/* Lines of Accept and of Accept-Encoding. The choice must not depend on white space, and choices among
 * different offers must agree. */
#include "fuzz_help.h"
#include "http/accept.h"
#include "http/edge_body.h"

#define LINES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sl_span offers[] = {SL_SPAN("application/statuslist+jwt"),
                                            SL_SPAN("application/statuslist+cwt"),
                                            SL_SPAN("application/json")};
    struct sl_span lines[LINES + 1] = {{NULL, 0}};
    size_t n = fuzz_parts(data, size, lines + 1, LINES);
    lines[0] = SL_SPAN(" , ");
    int chosen = sl_accept_media(lines + 1, n, offers, 3);
    sl_assert(chosen >= -1 && chosen < 3);
    sl_assert(sl_accept_media(lines, n + 1, offers, 3) == chosen); /* an empty line changes nothing */
    /* An offer that wins among others wins alone, and an offer that is refused alone never wins. */
    for (int i = 0; i < 3; i++) {
        int alone = sl_accept_media(lines + 1, n, offers + i, 1);
        sl_assert(alone == 0 || (alone == -1 && chosen != i));
    }
    bool identity = false, again = false;
    bool gzip = sl_accept_gzip(lines + 1, n, &identity);
    sl_assert(sl_accept_gzip(lines, n + 1, &again) == gzip && again == identity);
    lines[0] = SL_SPAN("gzip, identity;q=0");
    bool more = sl_accept_gzip(lines, n + 1, &again);
    sl_assert(more || !gzip); /* a line that asks for gzip never loses it */
    if (n > 0)
        (void)sl_content_is_json(lines[1]);
    return 0;
}
