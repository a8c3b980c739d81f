/* Assertions stay on in every build: they say "our bug" and end the process. Input is never asserted. */
#pragma once

_Noreturn void sl_assert_failed(const char *what, const char *file, int line);

#define sl_assert(cond) ((cond) ? (void)0 : sl_assert_failed(#cond, __FILE__, __LINE__))

/* Memory that is there, or the process ends with one line: for start-up, and for what is small and of one
 * size, where going on would only mean to fail a little later (libh2o does the same). What grows with what
 * others send or store (bodies, lists, tokens, tables) is asked for with malloc and calloc, and its lack
 * refuses that one request: INTERNAL, or later once more. Zeroed, but for sl_xmalloc's and what sl_xrealloc
 * adds. */
void *sl_xcalloc(unsigned long n, unsigned long size);
void *sl_xmalloc(unsigned long size);
void *sl_xrealloc(void *p, unsigned long size);
char *sl_xstrdup(const char *s);
void *sl_must(void *p); /* p, which is not NULL */
