#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sl_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "statuslistd: assertion failed: %s (%s:%d)\n", what, file, line);
    abort();
}

void *sl_must(void *p)
{
    if (p == NULL)
        sl_assert_failed("out of memory", __FILE__, __LINE__);
    return p;
}

void *sl_xcalloc(unsigned long n, unsigned long size)
{
    return sl_must(calloc(n, size));
}

void *sl_xmalloc(unsigned long size)
{
    return sl_must(malloc(size));
}

void *sl_xrealloc(void *p, unsigned long size)
{
    return sl_must(realloc(p, size));
}

char *sl_xstrdup(const char *s)
{
    return sl_must(strdup(s));
}
