/* The text of a file, before YAML: its lines, and the `...` of printed excerpts. */
#pragma once
#include "base/span.h"
#include "daemon/report.h"

/* Number (from 1) of the line in which byte `offset` is. */
size_t sl_text_line_at(struct sl_span text, size_t offset);
/* The line's bytes without its line break; empty beyond the last. */
struct sl_span sl_text_line(struct sl_span text, size_t number);
/* A line that is nothing but `...` ends the document in YAML, or is a syntax error further on. In
 * configurations it is what an excerpt leaves out: reported by its own line, and blanked so that the rest is
 * read. */
void sl_text_blank_document_ends(char *text, size_t len, struct sl_report *errors);
