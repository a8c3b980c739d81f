/* docs/openapi.yaml, as it was when this program was built. */
#pragma once
#include <stddef.h>

extern const char sl_openapi[];
extern const size_t sl_openapi_len;
