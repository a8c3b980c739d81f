/* The whole process. */
#pragma once

struct sl_config;

/* Runs the service until a signal ends it; returns the exit code. */
int sl_daemon_run(const struct sl_config *config);
