/* The Lua scripts, embedded at build from lua/ in this folder. */
#pragma once
#include <stddef.h>

struct sl_lua_source {
    const char *name; /* file name without .lua; NULL ends the table */
    const char *text;
    size_t len;
};

extern const struct sl_lua_source sl_lua_sources[];

/* A script as Redis gets it, behind the prelude that all of them share. free() it. A name that is not there
 * is a bug. */
char *sl_script_text(const char *name, size_t *ret_len);
