/* Assertions stay on in every build: they say "our bug" and end the process. Input is never asserted. */
#pragma once

_Noreturn void sl_assert_failed(const char *what, const char *file, int line);

#define sl_assert(cond) ((cond) ? (void)0 : sl_assert_failed(#cond, __FILE__, __LINE__))

/* Allocation that cannot fail: for start-up and for objects without which the process cannot go on.
 * Returns zeroed memory; ends the process when there is none. */
void *sl_xcalloc(unsigned long n, unsigned long size);
void *sl_xrealloc(void *p, unsigned long size);
char *sl_xstrdup(const char *s);
