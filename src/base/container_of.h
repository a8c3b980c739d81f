/* From a member to the struct that has it: messages, jobs and connections are embedded, and come back as what
 * they were sent as. */
#pragma once
#include <stddef.h>

/* `ptr` points to `member` of a struct of type `type`, wherever it stands there; not NULL. The type of `ptr`
 * is checked by the compiler. */
#define sl_container_of(ptr, type, member)                                                                   \
    ((type *)(void *)((char *)(1 ? (ptr) : &((type *)(void *)(ptr))->member) - offsetof(type, member)))
