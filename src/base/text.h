/* Optional texts: NUL-terminated, NULL when absent. */
#pragma once
#include <stdbool.h>
#include <string.h>

/* Equal, or both absent. Not for secrets: the time that it takes tells where they differ. */
static inline bool sl_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}
