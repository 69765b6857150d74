/* tap.h - opening TAP devices and pumping frames between two of them.
 * Shared by relay.c and snull.c; everything is static, include it once. */
#ifndef VNET_BENCH_TAP_H
#define VNET_BENCH_TAP_H
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

/* Newer than Debian 12's kernel headers (they arrived in Linux 6.2). */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum { MAX_QUEUES = 16, MAX_PAIRS = 16, BURST = 64, BUF_SIZE = 1 << 17 };

struct tap_opts {
    int offload; /* IFF_VNET_HDR, checksum and segmentation offload */
    int napi;    /* IFF_NAPI: writes go through NAPI, so GRO applies */
    int queues;  /* >1: IFF_MULTI_QUEUE, one fd and one thread per queue */
};

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* Opens every queue of one TAP and brings the link up. spec is "if" or
 * "netns:if"; a TAP belongs to the netns its fd was opened in, so the calling
 * thread enters that netns for the duration of the call. */
static void tap_open(const char *spec, const struct tap_opts *o, int *fds)
{
    char ns[64] = "", path[96];
    const char *name = spec, *colon = strchr(spec, ':');
    int home = -1;

    if (colon) {
        snprintf(ns, sizeof ns, "%.*s", (int)(colon - spec), spec);
        name = colon + 1;
        snprintf(path, sizeof path, "/run/netns/%s", ns);
        int there = open(path, O_RDONLY | O_CLOEXEC);
        home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (there < 0 || home < 0 || setns(there, CLONE_NEWNET))
            die(path);
        close(there);
    }

    struct ifreq ifr;
    memset(&ifr, 0, sizeof ifr);
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (o->offload)    ifr.ifr_flags |= IFF_VNET_HDR;
    if (o->napi)       ifr.ifr_flags |= IFF_NAPI;
    if (o->queues > 1) ifr.ifr_flags |= IFF_MULTI_QUEUE;

    for (int q = 0; q < o->queues; q++) {
        fds[q] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fds[q] < 0)
            die("/dev/net/tun");
        struct ifreq r = ifr;
        if (ioctl(fds[q], TUNSETIFF, &r))
            die("TUNSETIFF");
        if (o->offload) {
            int sz = sizeof(struct virtio_net_hdr);
            unsigned f = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
            if (ioctl(fds[q], TUNSETVNETHDRSZ, &sz))
                die("TUNSETVNETHDRSZ");
            /* USO4 and USO6 must be set together; Linux < 6.2 has neither. */
            if (ioctl(fds[q], TUNSETOFFLOAD, f | TUN_F_USO4 | TUN_F_USO6)) {
                fprintf(stderr, "%s: no USO on this kernel\n", name);
                if (ioctl(fds[q], TUNSETOFFLOAD, f))
                    die("TUNSETOFFLOAD");
            }
        }
    }

    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0 || ioctl(s, SIOCGIFFLAGS, &ifr))
        die("SIOCGIFFLAGS");
    ifr.ifr_flags |= IFF_UP;
    if (ioctl(s, SIOCSIFFLAGS, &ifr))
        die("SIOCSIFFLAGS");
    close(s);

    if (home >= 0) {
        if (setns(home, CLONE_NEWNET))
            die("setns back");
        close(home);
    }
}

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
