/* What the tests of configuration files share: a directory of their own, and loading a text. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/assert.h"
#include "daemon/config_load.h"
#include "token/digest.h"

#define FILE_NAME "statuslistd.yaml"
#define KEY "af05bedc-ec26-472a-af56-f3b862e8e00d"

/* The warning of a configuration whose public-url is left as it is, behind the line's number. */
#define NEAR_URL                                                                                             \
    ": app.public-url: names this machine only, although listen.public is reachable from others: every "     \
    "list keeps "                                                                                            \
    "the URI that it is made with; expected the URL that verifiers reach\n"

struct loaded {
    struct sl_buf errors, warnings;
    struct sl_config *config;
    bool ok;
};

/* The tests run in a directory of their own, since messages name the file as the test gave it. */
int enter(void **state);
int leave(void **state);
void write_file(const char *name, const void *bytes, size_t n, mode_t mode);
struct loaded load_path(const char *path);
struct loaded load_bytes(const char *text, size_t n);
struct loaded load(const char *text);
void unload(struct loaded *l);
