/* Preloaded into redis-server: fdatasync and fsync take SLOW_SYNC_US microseconds (2000 by default), or
 * longer where the disk takes longer. Figures that depend on a sync then mean the same on every disk. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int fd);
int fsync(int fd);

static int slowly(const char *name, int fd)
{
    int (*real)(int);
    struct timespec until;
    const char *us = getenv("SLOW_SYNC_US");
    long ns = (us != NULL ? atol(us) : 2000) * 1000;
    *(void **)&real = dlsym(RTLD_NEXT, name);
    clock_gettime(CLOCK_MONOTONIC, &until);
    int result = real(fd);
    until.tv_sec += (until.tv_nsec + ns) / 1000000000;
    until.tv_nsec = (until.tv_nsec + ns) % 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
    return result;
}

int fdatasync(int fd)
{
    return slowly("fdatasync", fd);
}

int fsync(int fd)
{
    return slowly("fsync", fd);
}
