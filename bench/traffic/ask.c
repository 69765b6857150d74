/* ask.c - how long a driver takes to answer: one question under way, by a program that knows nothing of vnet.
 *
 *   ask echo PORT SECS         ECHO of vnet_nl to that port of NETLINK_USERSOCK
 *   ask ioctl IF ERRNO SECS    SIOCDEVPRIVATE + 2, which writes an int where ifr_data points; it must end with that errno, or 0
 *
 * Prints one JSON line, times in microseconds. The first fifth of the time is not counted. */
#define _GNU_SOURCE
#include "times.h"
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1 << 20, FAMILY = 0x3f0, ECHO = 1, TEXT = 1 };

static struct {
    struct nlmsghdr h;
    struct genlmsghdr g;
    struct nlattr a;
    char text[16];
} request = {
    { sizeof request, FAMILY, NLM_F_REQUEST, 0, 0 }, { ECHO, 1, 0 }, { NLA_HDRLEN + 16, TEXT }, "hello, driver !"
};
static struct sockaddr_nl driver = { .nl_family = AF_NETLINK };
static int fd, wanted;
static const char *name;

static void echo(void)
{
    char b[256];

    request.h.nlmsg_seq++;
    if (sendto(fd, &request, sizeof request, 0, (void *)&driver, sizeof driver) < 0)
        die("sendto");
    if (recv(fd, b, sizeof b, 0) != sizeof request || ((struct nlmsghdr *)b)->nlmsg_seq != request.h.nlmsg_seq ||
        memcmp(b + sizeof request - 16, request.text, 16)) {
        fprintf(stderr, "that is not the echo\n");
        exit(1);
    }
}

static void private_ioctl(void)
{
    struct ifreq ifr = { 0 };
    int value = -1;

    strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
    ifr.ifr_data = (void *)&value;
    const int result = ioctl(fd, SIOCDEVPRIVATE + 2, &ifr);
    if ((result < 0 ? errno : 0) != wanted || (wanted == 0) != (value == 0)) {
        fprintf(stderr, "ioctl: %d, errno %d, value %d\n", result, errno, value);
        exit(1);
    }
}

static int measure(void (*once)(void), double secs)
{
    double *us = malloc(sizeof *us * MOST);
    long n = 0;

    if (!us)
        die("malloc");
    /* A supervisor looks for its drivers when it is first asked. */
    once();
    const double start = now();
    while (n < MOST && now() < start + secs) {
        const double t0 = now();
        once();
        if (t0 > start + secs / 5)
            us[n++] = (now() - t0) * 1e6;
    }
    return print_times(us, n, 0);
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "echo")) {
        struct sockaddr_nl own = { .nl_family = AF_NETLINK };
        driver.nl_pid = (uint32_t)strtoul(argv[2], NULL, 0);
        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
        if (fd < 0 || bind(fd, (void *)&own, sizeof own) < 0)
            die("socket");
        return measure(echo, atof(argv[3]));
    }
    if (argc == 5 && !strcmp(argv[1], "ioctl")) {
        name = argv[2];
        wanted = atoi(argv[3]);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            die("socket");
        return measure(private_ioctl, atof(argv[4]));
    }
    fprintf(stderr, "usage: ask echo PORT SECS | ask ioctl IF ERRNO SECS\n");
    return 2;
}
