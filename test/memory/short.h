/* An allocation that fails where a test wants it: the linker redirects our code's calls of malloc, calloc,
 * realloc, aligned_alloc and strdup to this file. Test programs whose names end in _memory have it. Libraries
 * go on calling the C library. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The nth allocation from now on fails, once, in whichever thread; 0: none. */
void short_of_memory(unsigned nth);
/* Whether that allocation was made. */
bool short_was_met(void);
/* For jansson. */
void *short_malloc(size_t n);
