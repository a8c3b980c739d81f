/* verify TOKEN KEY URI INDEX: verifies the Status List Token in the file TOKEN with the certificate or JWK in
 * the file KEY, and says which status the entry has.
 *
 *   cc verify.c $(pkg-config --cflags --libs statuslist) -o verify
 *
 * The exit status is 0 only if the status is VALID: 1 another status, 2 nothing that may be believed, 64
 * wrong arguments. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <statuslist/verify.h>

enum { FILE_MAX = 32 << 20 };

/* The whole file, or NULL after saying what is wrong. */
static char *read_file(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    char *bytes = f != NULL ? malloc(FILE_MAX) : NULL;
    size_t len = bytes != NULL ? fread(bytes, 1, FILE_MAX, f) : 0;
    if (bytes == NULL || ferror(f) || len == FILE_MAX) {
        fprintf(stderr, "%s: %s\n", path, len == FILE_MAX ? "too large" : strerror(errno));
        free(bytes);
        bytes = NULL;
    }
    if (f != NULL)
        fclose(f);
    *ret_len = len;
    return bytes;
}

/* Digits only: strtoull alone takes a sign, white space and a beginning, and gives 0 for what is no number.
 */
static int read_index(const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
        return 0;
    *ret = n;
    return 1;
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
    size_t token_len = 0, key_len = 0;
    uint64_t index;
    if (argc != 5 || !read_index(argv[4], &index)) {
        fprintf(stderr, "usage: verify TOKEN KEY URI INDEX; INDEX is a whole number of at least 0\n");
        return 64;
    }
    char *token = read_file(argv[1], &token_len), *key = token != NULL ? read_file(argv[2], &key_len) : NULL;
    struct statuslist_verifier *v = key != NULL ? statuslist_verifier_new() : NULL;
    int status = -1;
    if (v != NULL && !statuslist_verifier_add_key(v, key, key_len, why))
        fprintf(stderr, "%s: %s\n", argv[2], why);
    else if (v != NULL)
        status = status_of(v, token, token_len, argv[3], index);
    if (status >= 0)
        printf("%s\n", statuslist_status_name((unsigned)status));
    statuslist_verifier_free(v);
    free(token);
    free(key);
    if (fclose(stdout) != 0)
        status = -1;
    return status < 0 ? 2 : status == STATUSLIST_VALID ? 0 : 1;
}
