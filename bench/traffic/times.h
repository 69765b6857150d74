/* times.h - the clock, and round trips as a line of JSON. */
#ifndef VNET_BENCH_TIMES_H
#define VNET_BENCH_TIMES_H
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* Seconds. */
static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static inline int cmp(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sorts and prints n times in microseconds. Returns the exit status. */
static inline int print_times(double *us, long n, long lost)
{
    if (!n) {
        fprintf(stderr, "no replies\n");
        return 1;
    }
    qsort(us, (size_t)n, sizeof *us, cmp);
    printf("{\"n\": %ld, \"lost\": %ld, \"min\": %.2f, \"p50\": %.2f, \"p99\": %.2f, "
           "\"p99_9\": %.2f, \"max\": %.2f}\n", n, lost, us[0], us[n / 2],
           us[n * 99 / 100], us[n * 999 / 1000], us[n - 1]);
    return 0;
}
#endif
