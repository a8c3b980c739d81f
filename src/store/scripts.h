/* The Lua scripts, embedded at build from src/store/lua. */
#pragma once
#include <stddef.h>

struct sl_lua_source {
    const char *name; /* file name without .lua; NULL ends the table */
    const char *text;
    size_t len;
};

extern const struct sl_lua_source sl_lua_sources[];
