/* tap.h - opens TAP devices. Everything is static, include it once. */
#ifndef VNET_BENCH_TAP_H
#define VNET_BENCH_TAP_H
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

enum { BURST = 64 };

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
#endif
