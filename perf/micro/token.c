/* Compression by density and level, signing, and whole tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "micro.h"
#include "token/build.h"

struct build_run {
    struct sl_token_builder *builder;
    struct sl_token_spec spec;
    uint64_t compress_ns, count;
    size_t bytes;
};

static void build_tokens(void *arg, uint64_t n)
{
    struct build_run *b = arg;
    for (uint64_t i = 0; i < n; i++) {
        struct sl_token *t;
        struct sl_token_cost cost;
        if (sl_token_build(b->builder, &b->spec, &t, &cost) != SL_OK)
            abort();
        b->compress_ns += cost.compress_ns;
        b->count++;
        b->bytes = t->body[SL_VARIANT_JWT].bytes.len;
        sl_token_unref(t);
    }
}

struct sign_run {
    const struct sl_key *key;
    struct sl_signer *signer;
    struct sl_span input;
};

static void sign_inputs(void *arg, uint64_t n)
{
    struct sign_run *s = arg;
    unsigned char out[SL_SIGNATURE_MAX];
    unsigned len;
    for (uint64_t i = 0; i < n; i++)
        if (sl_key_sign(s->key, s->signer, s->input, out, &len) != SL_OK)
            abort();
}

static void measure_token(struct build_run *b, uint32_t entries, double share, int level)
{
    char name[96];
    snprintf(name, sizeof name, "token: %u entries, %g %% set, level %d", entries, share * 100, level);
    b->spec.level = level;
    b->compress_ns = b->count = 0;
    micro_rate(name, build_tokens, b, "tokens/s");
    snprintf(name, sizeof name, "  its compression, %zu bytes sent", b->bytes);
    micro_report(name, (double)b->compress_ns / (double)b->count / 1e3, "us", "");
}

static void measure_tokens(const struct sl_key *key)
{
    static const uint32_t sizes[] = {100000, 1000000, 10000000};
    static const double shares[] = {0, 0.001, 0.01, 0.02, 0.1, 0.5};
    struct build_run b = {.builder = sl_token_builder_new(&sl_clock_system)};
    uint8_t *list = malloc(sizes[2] / 8);
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < 6; k++) {
            micro_fill_list(list, sizes[i], shares[k]);
            b.spec = (struct sl_token_spec){
                .key = key,
                .sub = SL_SPAN("http://localhost:8080/00000000-0000-4000-8000-000000000000"),
                .iss = SL_SPAN("http://localhost:8080"),
                .size = sizes[i],
                .bits = 1,
                .list = list,
                .list_len = sizes[i] / 8,
                .version = 1,
                .iat = 1700000000,
                .exp = 1700003600,
                .ttl = 60};
            for (const int *level = sl_compress_levels; *level != 0; level++)
                if (i == 0 || k == 3 || *level == 6)
                    measure_token(&b, sizes[i], shares[k], *level);
        }
    free(list);
    sl_token_builder_free(b.builder);
}

void micro_token(void)
{
    static const size_t lengths[] = {1000, 3000, 30000, 300000};
    char dir[] = "/tmp/sl-micro-XXXXXX", why_text[512], name[64], command[128];
    struct sl_signer_options options = {.generate = true, .kid = true};
    struct sl_buf why;
    struct sl_key *key;
    sl_buf_over(&why, why_text, sizeof why_text);
    if (mkdtemp(dir) == NULL || !sl_key_load(&options, dir, "micro", &sl_clock_system, &why, &key)) {
        fprintf(stderr, "micro: no key: %.*s\n", (int)why.len, why.data);
        exit(1);
    }
    struct sign_run s = {key, sl_signer_new(), {0}};
    char *input = calloc(1, lengths[3]);
    for (unsigned i = 0; i < 4; i++) {
        s.input = sl_span(input, lengths[i]);
        snprintf(name, sizeof name, "signing %s, %zu bytes", sl_key_alg(key), lengths[i]);
        micro_rate(name, sign_inputs, &s, "signatures/s");
    }
    free(input);
    sl_signer_free(s.signer);
    measure_tokens(key);
    sl_key_free(key);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        fprintf(stderr, "micro: %s stays\n", dir);
}
