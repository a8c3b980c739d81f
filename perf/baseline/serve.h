/* A minimal libh2o server: one loop and one SO_REUSEPORT listener per thread, with the socket options and
 * limits that the service sets. Each baseline brings its handler. */
#pragma once
#include <h2o.h>
#include <stdbool.h>
#include <stdint.h>

#define SERVE_THREADS 64

struct serve_options {
    /* On 127.0.0.1. */
    uint16_t port;
    unsigned threads;
    /* -1: not pinned. */
    int cpus[SERVE_THREADS];
};

/* Takes `--port N`, `--threads N` and `--cpus A,B` (one thread for each) from the command line; ends the
 * process if they are wrong. Values of other `--name value` pairs are found with serve_argument. */
void serve_parse(struct serve_options *o, int argc, char **argv);
const char *serve_argument(int argc, char **argv, const char *name, const char *fallback);

/* Called in each thread before it serves; its result becomes `data` of the thread (serve_data). May be
 * NULL. */
typedef void *serve_start(h2o_loop_t *loop, const void *arg);
void *serve_data(const h2o_req_t *req);

/* Runs until the process is killed. */
void serve_run(const struct serve_options *o, int (*on_req)(h2o_handler_t *self, h2o_req_t *req),
               serve_start *start, const void *arg);

/* The whole file, NUL-terminated and never freed; ends the process when it cannot be read. */
h2o_iovec_t serve_read_file(const char *path);
