/* Status List Tokens in CWT format. */
#include "fuzz_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_token(STATUSLIST_CWT, data, size);
    return 0;
}
