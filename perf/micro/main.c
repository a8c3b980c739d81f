/* micro [--quick] [--json FILE] [--redis SOCKET] [ring|core|token|table|auth|update]... */
#include "micro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
    uint64_t span;
    FILE *json;
    unsigned rows;
} run = {.span = 500000000};

uint64_t micro_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t micro_span(void)
{
    return run.span;
}

void micro_report(const char *name, double figure, const char *unit, const char *detail)
{
    printf("%-52s %14.*f %-10s %s\n", name, figure < 100 ? 2 : 0, figure, unit, detail);
    fflush(stdout);
    if (run.json != NULL)
        fprintf(run.json, "%s\n  {\"name\": \"%s\", \"figure\": %.3f, \"unit\": \"%s\", \"detail\": \"%s\"}",
                run.rows++ > 0 ? "," : "", name, figure, unit, detail);
}

void micro_rate(const char *name, void (*work)(void *arg, uint64_t n), void *arg, const char *unit)
{
    char detail[64];
    uint64_t n = 1, took = 0;
    work(arg, 1);
    for (;; n *= took > run.span / 100 ? run.span / took + 1 : 10) {
        uint64_t begun = micro_now();
        work(arg, n);
        took = micro_now() - begun;
        if (took >= run.span * 9 / 10)
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

void micro_list(uint8_t *bytes, uint32_t entries, double share)
{
    uint64_t state = entries;
    memset(bytes, 0, entries / 8);
    for (uint32_t i = 0; i < (uint32_t)(entries * share); i++) {
        uint32_t at = (uint32_t)(micro_random(&state) % entries);
        bytes[at / 8] = (uint8_t)(bytes[at / 8] | 1u << at % 8);
    }
}

int main(int argc, char **argv)
{
    const char *redis = NULL;
    unsigned named = 0;
    bool want[6] = {0};
    static const char *const names[] = {"ring", "core", "token", "table", "auth", "update"};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            run.span = 50000000;
        else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            run.json = fopen(argv[++i], "w");
        else if (strcmp(argv[i], "--redis") == 0 && i + 1 < argc)
            redis = argv[++i];
        for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++)
            if (strcmp(argv[i], names[k]) == 0)
                want[k] = ++named > 0;
    }
    if (run.json != NULL)
        fprintf(run.json, "[");
    if (want[0] || named == 0)
        micro_ring();
    if (want[1] || named == 0)
        micro_core();
    if (want[2] || named == 0)
        micro_token();
    if (want[3] || named == 0)
        micro_table();
    if (want[4] || named == 0)
        micro_auth();
    if ((want[5] || named == 0) && redis != NULL)
        micro_update(redis);
    if (run.json != NULL) {
        fprintf(run.json, "\n]\n");
        fclose(run.json);
    }
    return 0;
}
