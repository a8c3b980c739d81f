/* Memory that runs out where a test wants it: the linker leads what our code asks for (malloc, calloc,
 * realloc, aligned_alloc, strdup) through here. A test program has it when its name ends in _memory.
 * Libraries have their own. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The nth request from now on fails, once, whichever thread makes it; 0: none. */
void short_of_memory(unsigned nth);
/* Whether that request came. */
bool short_was_met(void);
/* What jansson is to use. */
void *short_malloc(size_t n);
