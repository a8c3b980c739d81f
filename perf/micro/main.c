/* micro [--quick] [--json FILE] [--redis SOCKET] [ring|core|token|table|auth|update]...: measures the named
 * parts, or all. update needs a Redis. */
#include "micro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
    uint64_t length_ns;
    FILE *json;
    const char *redis_socket;
    unsigned rows;
} run = {.length_ns = 500000000};

uint64_t micro_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t micro_run_ns(void)
{
    return run.length_ns;
}

void micro_report(const char *name, double figure, const char *unit, const char *detail)
{
    printf("%-52s %14.*f %-10s %s\n", name, figure < 100 ? 2 : 0, figure, unit, detail);
    fflush(stdout);
    if (run.json != NULL)
        fprintf(run.json, "%s\n  {\"name\": \"%s\", \"figure\": %.3f, \"unit\": \"%s\", \"detail\": \"%s\"}",
                run.rows++ > 0 ? "," : "", name, figure, unit, detail);
}

void micro_rate(const char *name, micro_work *work, void *arg, const char *unit)
{
    char detail[64];
    uint64_t n = 1, took = 0;
    work(arg, 1);
    for (;; n *= took > run.length_ns / 100 ? run.length_ns / took + 1 : 10) {
        uint64_t begun = micro_now_ns();
        work(arg, n);
        took = micro_now_ns() - begun;
        if (took >= run.length_ns * 9 / 10)
            break;
    }
    snprintf(detail, sizeof detail, "%.1f ns each", (double)took / (double)n);
    micro_report(name, (double)n * 1e9 / (double)took, unit, detail);
}

/* splitmix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014). */
uint64_t micro_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void micro_fill_list(uint8_t *bytes, uint32_t entries, double share)
{
    uint64_t state = entries;
    memset(bytes, 0, entries / 8);
    for (uint32_t i = 0; i < (uint32_t)(entries * share); i++) {
        uint32_t at = (uint32_t)(micro_random(&state) % entries);
        bytes[at / 8] = (uint8_t)(bytes[at / 8] | 1u << at % 8);
    }
}

static void update_if_redis(void)
{
    if (run.redis_socket != NULL)
        micro_update(run.redis_socket);
}

static struct part {
    const char *name;
    void (*measure)(void);
    bool wanted;
} parts[] = {{"ring", micro_ring, false},   {"core", micro_core, false}, {"token", micro_token, false},
             {"table", micro_table, false}, {"auth", micro_auth, false}, {"update", update_if_redis, false}};

/* Whether a part was named; without one all are measured. */
static bool parse_arguments(int argc, char **argv)
{
    bool named = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            run.length_ns = 50000000;
        else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            run.json = fopen(argv[++i], "w");
        else if (strcmp(argv[i], "--redis") == 0 && i + 1 < argc)
            run.redis_socket = argv[++i];
        for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
            if (strcmp(argv[i], parts[k].name) == 0)
                parts[k].wanted = named = true;
    }
    return named;
}

int main(int argc, char **argv)
{
    bool named = parse_arguments(argc, argv);
    if (run.json != NULL)
        fprintf(run.json, "[");
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
        if (parts[k].wanted || !named)
            parts[k].measure();
    if (run.json != NULL) {
        fprintf(run.json, "\n]\n");
        fclose(run.json);
    }
    return 0;
}
