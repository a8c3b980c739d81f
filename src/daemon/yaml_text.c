#include "daemon/yaml_text.h"

size_t sl_text_line_at(struct sl_span text, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < text.len && i < offset; i++)
        line += text.at[i] == '\n';
    return line;
}

static struct sl_span line_from(struct sl_span text, size_t start)
{
    const char *end = memchr(text.at + start, '\n', text.len - start);
    return sl_span(text.at + start, end != NULL ? (size_t)(end - text.at) - start : text.len - start);
}

struct sl_span sl_text_line(struct sl_span text, size_t number)
{
    size_t start = 0;
    for (size_t line = 1; line < number && start < text.len; line++)
        start += line_from(text, start).len + 1;
    return start <= text.len ? line_from(text, start) : sl_span(text.at + text.len, 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

void sl_text_blank_document_ends(char *text, size_t len, struct sl_report *errors)
{
    unsigned number = 1;
    for (size_t start = 0; start < len; number++) {
        struct sl_span line = line_from(sl_span(text, len), start);
        size_t first = 0, end = line.len;
        while (first < end && is_blank(line.at[first]))
            first++;
        while (end > first && is_blank(line.at[end - 1]))
            end--;
        if (sl_span_eq(sl_span(line.at + first, end - first), SL_SPAN("..."))) {
            sl_report_add(errors, number, "...",
                          "is YAML's document end and leaves nothing out; expected the line to be removed");
            memset(text + start + first, ' ', 3);
        }
        start += line.len + 1;
    }
}
