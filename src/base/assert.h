/* Assertions stay on in every build: they say "our bug" and end the process. Input is never asserted. */
#pragma once

_Noreturn void sl_assert_failed(const char *what, const char *file, int line);

#define sl_assert(cond) ((cond) ? (void)0 : sl_assert_failed(#cond, __FILE__, __LINE__))

/* Allocate or abort: for startup and small objects of fixed size. Anything whose size others control (bodies,
 * lists, tokens, tables) uses malloc or calloc and fails that one request instead. The memory is zeroed,
 * except that of sl_xmalloc and what sl_xrealloc adds. */
void *sl_xcalloc(unsigned long n, unsigned long size);
void *sl_xmalloc(unsigned long size);
void *sl_xrealloc(void *p, unsigned long size);
char *sl_xstrdup(const char *s);
void *sl_must(void *p); /* p, which is not NULL */
