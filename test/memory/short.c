#include "short.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

static _Atomic unsigned left;
static _Atomic bool met;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
char *__real_strdup(const char *s);

static bool fails(void)
{
    unsigned n = atomic_load(&left);
    while (n != 0 && !atomic_compare_exchange_weak(&left, &n, n - 1))
        ;
    if (n != 1)
        return false;
    atomic_store(&met, true);
    errno = ENOMEM;
    return true;
}

void short_of_memory(unsigned nth)
{
    atomic_store(&met, false);
    atomic_store(&left, nth);
}

bool short_was_met(void)
{
    return atomic_load(&met);
}

void *short_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_malloc(size_t n)
{
    return short_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, n);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}
