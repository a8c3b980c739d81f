/* What this build calls itself. */
#pragma once
const char *sl_version(void);
