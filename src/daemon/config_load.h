/* Reading a configuration file with all files that it names. At start and at a reload; the main thread. */
#pragma once
#include "daemon/config.h"

/* Parses and checks `path`. All errors of the file in one go into `errors`, one per line:
 * `file:line: key: what is wrong, what would be right`; warnings (a pool without a signer, ...) into
 * `warnings`, same form. False when there was an error. What is wrong with a
 * file of one pool is no error unless there is another one: see `faults` of the configuration. Neither
 * contains a secret. Reads the secrets' files as well; relative paths are relative to the working directory.
 */
bool sl_config_load(const char *path, struct sl_buf *errors, struct sl_buf *warnings, struct sl_config **ret);
void sl_config_free(struct sl_config *c); /* wipes secrets; NULL ok */
