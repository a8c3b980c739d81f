/* confine LIST PROGRAM ARGUMENT...: executes the program under a filter that permits the system calls
 * in LIST (one a line); any other ends the whole process at once. Names that this machine does not know are
 * left out, as systemd does. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int refuse(const char *what, int error)
{
    fprintf(stderr, "confine: %s: %s\n", what, strerror(error));
    return 125;
}

int main(int argc, char **argv)
{
    char name[128];
    int error;
    if (argc < 3)
        return refuse("usage: confine LIST PROGRAM ARGUMENT...", EINVAL);
    FILE *list = fopen(argv[1], "re");
    if (list == NULL)
        return refuse(argv[1], errno);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return refuse("seccomp_init", ENOMEM);
    while (fgets(name, sizeof name, list) != NULL) {
        name[strcspn(name, "\n")] = '\0';
        int call = seccomp_syscall_resolve_name(name);
        if (call >= 0 && (error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0)) != 0)
            return refuse(name, -error);
    }
    fclose(list);
    if ((error = seccomp_load(filter)) != 0)
        return refuse("seccomp_load", -error);
    seccomp_release(filter);
    execv(argv[2], argv + 2);
    return refuse(argv[2], errno);
}
