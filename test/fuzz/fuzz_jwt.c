/* Status List Tokens in JWT format. */
#include "fuzz_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_token(STATUSLIST_JWT, data, size);
    return 0;
}
