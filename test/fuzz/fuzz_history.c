/* A lineage, and on a second line a line: what is read is written the same way, and stays bounded. */
#include <stdlib.h>
#include "fuzz_help.h"
#include "core/history.h"

static void check_lineage(struct sl_span text)
{
    char again[SL_LINEAGE_TEXT];
    struct sl_lineage l;
    if (!sl_lineage_parse(text, &l))
        return;
    sl_assert(sl_span_eq(text, sl_span(again, sl_lineage_print(l, again))));
}

static void check_line(struct sl_span text)
{
    char again[SL_LINE_TEXT];
    struct sl_line line, grown = {0};
    if (!sl_line_parse(text, &line))
        return;
    sl_assert(line.count <= SL_LINE_MAX);
    sl_assert(sl_span_eq(text, sl_span(again, sl_line_print(&line, again))));
    for (unsigned i = line.count; i-- > 0;)
        sl_line_add(&grown, line.part[i]);
    sl_assert(sl_line_equal(&line, &grown));
    for (unsigned i = 0; i < line.count; i++)
        sl_assert(sl_line_covers(&line, line.part[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_span rest = {(const char *)data, size};
    check_lineage(fuzz_part(&rest));
    check_line(rest);
    return 0;
}
