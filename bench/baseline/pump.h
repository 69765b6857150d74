/* pump.h - pumps frames between pairs of TAP devices, as fast as they come.
 * Shared by relay.c and snull.c; everything is static, include it once. */
#ifndef VNET_BENCH_PUMP_H
#define VNET_BENCH_PUMP_H
#include "tap.h"
#include <pthread.h>

enum { MAX_QUEUES = 16, MAX_PAIRS = 16, BUF_SIZE = 1 << 17 };

/* May change a frame in place (buf starts with the virtio_net_hdr under
 * offload); returns 0 to drop it. NULL means pass everything. */
typedef int (*xform_fn)(unsigned char *buf, size_t len, int offload);

/* fd[2n] and fd[2n + 1] are the two ends of one cable. */
struct pump { int fd[2 * MAX_PAIRS]; int nfd; int offload; xform_fn xform; };

/* Waits for any side, then drains up to BURST frames from each ready side.
 * One read() and one write() per frame: a TAP fd has no batched interface. A
 * frame the other side refuses is dropped, as a wire would. */
static void *pump_run(void *arg)
{
    struct pump *p = arg;
    unsigned char *buf = malloc(BUF_SIZE);
    struct pollfd pfd[2 * MAX_PAIRS];

    if (!buf)
        die("malloc");
    for (int i = 0; i < p->nfd; i++)
        pfd[i] = (struct pollfd){ p->fd[i], POLLIN, 0 };
    for (;;) {
        if (poll(pfd, (nfds_t)p->nfd, -1) < 0) {
            if (errno == EINTR)
                continue;
            die("poll");
        }
        for (int i = 0; i < p->nfd; i++) {
            if (pfd[i].revents & (POLLERR | POLLHUP | POLLNVAL))
                exit(0); /* the interface is gone */
            if (!(pfd[i].revents & POLLIN))
                continue;
            for (int n = 0; n < BURST; n++) {
                ssize_t len = read(pfd[i].fd, buf, BUF_SIZE);
                if (len <= 0)
                    break;
                if (p->xform && !p->xform(buf, (size_t)len, p->offload))
                    continue;
                if (write(pfd[i ^ 1].fd, buf, (size_t)len) < 0)
                    continue;
            }
        }
    }
    return NULL;
}

/* main() of both programs: PROG [ns:]ifA [ns:]ifB ... [--offload] [--napi] [--queues N];
 * several pairs of interfaces are pumped by the same loop. */
static int pump_main(int argc, char **argv, xform_fn xform)
{
    struct tap_opts o = { 0, 0, 1 };
    const char *spec[2 * MAX_PAIRS];
    int nspec = 0, wrong = 0, fds[MAX_QUEUES];
    static struct pump pumps[MAX_QUEUES];

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--offload")) o.offload = 1;
        else if (!strcmp(argv[i], "--napi")) o.napi = 1;
        else if (!strcmp(argv[i], "--queues") && i + 1 < argc) o.queues = atoi(argv[++i]);
        else if (argv[i][0] != '-' && nspec < 2 * MAX_PAIRS) spec[nspec++] = argv[i];
        else wrong = 1;
    }
    if (wrong || nspec == 0 || nspec % 2 || o.queues < 1 || o.queues > MAX_QUEUES) {
        fprintf(stderr, "usage: %s [netns:]ifA [netns:]ifB ... [--offload] [--napi] "
                        "[--queues 1..%d]\n", argv[0], MAX_QUEUES);
        return 2;
    }
    for (int i = 0; i < nspec; i++) {
        tap_open(spec[i], &o, fds);
        for (int q = 0; q < o.queues; q++)
            pumps[q].fd[i] = fds[q];
    }
    for (int q = 0; q < o.queues; q++) {
        pumps[q].nfd = nspec;
        pumps[q].offload = o.offload;
        pumps[q].xform = xform;
    }
    puts("ready");
    fflush(stdout);
    for (int q = 1; q < o.queues; q++) {
        pthread_t t;
        if ((errno = pthread_create(&t, NULL, pump_run, &pumps[q])))
            die("pthread_create");
    }
    pump_run(&pumps[0]);
    return 0;
}
#endif
