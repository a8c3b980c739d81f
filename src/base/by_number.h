/* Arrays that are indexed by a number which grows with the lists (numbers are dense: a list gets the next
 * one). */
#pragma once
#include <stdint.h>
#include <string.h>
#include "base/assert.h"

/* `array` of *cap elements of `size` bytes, grown so that `number` is an index; new elements are zero. The
 * array may move: pointers into it do not survive. Without memory the process ends, as with sl_xrealloc. Use:
 *     t->handles = sl_by_number(t->handles, &t->handle_cap, list->number, sizeof *t->handles); */
static inline void *sl_by_number(void *array, uint32_t *cap, uint32_t number, size_t size)
{
    if (number < *cap)
        return array;
    uint64_t larger = *cap > 0 ? *cap : 64;
    while (larger <= number)
        larger *= 2;
    sl_assert(larger <= UINT32_MAX);
    array = sl_xrealloc(array, larger * size);
    memset((char *)array + *cap * size, 0, (larger - *cap) * size);
    *cap = (uint32_t)larger;
    return array;
}
