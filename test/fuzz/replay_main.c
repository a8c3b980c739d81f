/* Runs a harness over files, or over all files of directories: what a fuzzer has found once stays a test
 * under every compiler. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "fuzz_help.h"

#define FILE_MAX (16 << 20)

/* False: it could not be read. The copy has the exact size, so that a read beyond its end is seen by a
 * sanitizer. */
static bool replay_file(const char *path, const struct stat *st)
{
    size_t n = (size_t)st->st_size;
    FILE *f = n <= FILE_MAX ? fopen(path, "rb") : NULL;
    if (f == NULL)
        return false;
    uint8_t *data = malloc(n > 0 ? n : 1);
    bool ok = data != NULL && fread(data, 1, n, f) == n;
    fclose(f);
    if (ok)
        LLVMFuzzerTestOneInput(data, n);
    free(data);
    return ok;
}

/* How many files ran; -1 when something could not be read. */
static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -1;
    if (!S_ISDIR(st.st_mode))
        return replay_file(path, &st) ? 1 : -1;
    DIR *dir = opendir(path);
    int count = 0;
    for (struct dirent *e; dir != NULL && count >= 0 && (e = readdir(dir)) != NULL;) {
        char inner[4096];
        if (e->d_name[0] == '.')
            continue;
        int n = snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        int ran = n > 0 && (size_t)n < sizeof inner ? replay(inner) : -1;
        count = ran < 0 ? -1 : count + ran;
    }
    if (dir == NULL)
        return -1;
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int ran = replay(argv[i]);
        if (ran <= 0) { /* an empty directory is a test that tests nothing */
            fprintf(stderr, "%s: cannot be read, or holds nothing\n", argv[i]);
            return 1;
        }
        total += ran;
    }
    printf("%d inputs\n", total);
    return total > 0 ? 0 : 1;
}
