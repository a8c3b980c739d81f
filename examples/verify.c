/* verify TOKEN KEY URI INDEX: verifies the Status List Token in the file TOKEN with the certificate or JWK in
 * the file KEY, and says which status the entry has.
 *
 *   cc verify.c $(pkg-config --cflags --libs statuslist) -o verify */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <statuslist/verify.h>

enum { FILE_MAX = 32 << 20 };

static char *read_file(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    char *bytes = f != NULL ? malloc(FILE_MAX) : NULL;
    if (bytes != NULL)
        *ret_len = fread(bytes, 1, FILE_MAX, f);
    else
        perror(path);
    if (f != NULL)
        fclose(f);
    return bytes;
}

/* The status, or -1 after saying what is wrong. */
static int status_of(const struct statuslist_verifier *v, const char *token, size_t len, const char *uri,
                     uint64_t index)
{
    struct statuslist_report *r = statuslist_verify(v, token, len, uri, &index, (int64_t)time(NULL));
    const struct statuslist_check *c;
    if (r == NULL)
        return -1;
    for (size_t i = 0; (c = statuslist_report_check(r, i)) != NULL; i++)
        if (c->outcome == STATUSLIST_FAIL)
            fprintf(stderr, "%s: %s (%s)\n", c->name, c->detail, c->section);
    int status = statuslist_report_status(r);
    statuslist_report_free(r);
    return status;
}

int main(int argc, char **argv)
{
    char why[STATUSLIST_WHY];
    size_t token_len, key_len;
    if (argc != 5) {
        fprintf(stderr, "usage: verify TOKEN KEY URI INDEX\n");
        return 64;
    }
    char *token = read_file(argv[1], &token_len), *key = read_file(argv[2], &key_len);
    struct statuslist_verifier *v = statuslist_verifier_new();
    int status = -1;
    if (token == NULL || key == NULL || v == NULL)
        fprintf(stderr, "nothing to verify\n");
    else if (!statuslist_verifier_add_key(v, key, key_len, why))
        fprintf(stderr, "%s: %s\n", argv[2], why);
    else
        status = status_of(v, token, token_len, argv[3], strtoull(argv[4], NULL, 10));
    if (status >= 0)
        printf("%s\n", statuslist_status_name((unsigned)status));
    statuslist_verifier_free(v);
    free(token);
    free(key);
    return status >= 0 ? 0 : 1;
}
