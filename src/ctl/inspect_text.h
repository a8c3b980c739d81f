/* What people paste or keep in files: a token as it is, in hex or base64, a bare list, or the JSON around
 * one. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct sl_inspected {
    bool is_list; /* a bare list, which no one signed; otherwise a token */
    char *bytes;  /* of the token, or the zlib stream of the list; the caller frees */
    size_t len;
    unsigned bits; /* of a list; 0: not said */
};

/* Takes `bytes` over (of malloc). `name` is for complaints. An exit status, after a complaint if it is not
 * OK. */
int sl_inspect_text(const char *name, char *bytes, size_t len, struct sl_inspected *ret);
