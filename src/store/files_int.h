/* Small files that a crash must leave whole. Internal to the store layer; blocking. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Reads at most cap bytes. False with errno. */
bool sl_file_read(const char *path, char *out, size_t cap, size_t *ret_len);
/* Writes a new file beside it (mode 0600), syncs, renames over it, syncs the directory. False with errno. */
bool sl_file_replace(const char *path, const char *bytes, size_t n);
