/* From a member to the struct that contains it: the sender passes a pointer to the embedded message, job or
 * connection, and the receiver finds the whole. */
#pragma once
#include <stddef.h>

/* `ptr` points to `member` of a struct of type `type`, wherever it stands there; not NULL. The type of `ptr`
 * is checked by the compiler. */
#define sl_container_of(ptr, type, member)                                                                   \
    ((type *)(void *)((char *)(1 ? (ptr) : &((type *)(void *)(ptr))->member) - offsetof(type, member)))
