/* ask.c - measures the time of a driver's reply to a program without vnet code, one
 * request at a time.
 *
 *   ask echo DIRECTORY SECS    ECHO of vnet_nl to the vnet of this namespace with its socket there
 *   ask ioctl IF ERRNO SECS    SIOCDEVPRIVATE + 2, which writes an int to ifr_data; must end with
 *                              that errno, or 0
 *
 * Prints one JSON line, times in microseconds. The first fifth of the time is not counted. */
#define _GNU_SOURCE
#include "times.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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
static int fd, wanted;
static const char *name;

static void echo(void)
{
    char b[256];

    request.h.nlmsg_seq++;
    if (send(fd, &request, sizeof request, 0) != sizeof request)
        die("send");
    if (recv(fd, b, sizeof request, MSG_WAITALL) != sizeof request || ((struct nlmsghdr *)b)->nlmsg_seq != request.h.nlmsg_seq ||
        memcmp(b + sizeof request - 16, request.text, 16)) {
        fprintf(stderr, "that is not the echo\n");
        exit(1);
    }
}

/* Connects to the socket beside a file that names the inode of this network namespace. */
static int find(const char *directory)
{
    struct stat own;
    char wanted[64], path[512], text[4096];
    DIR *files = opendir(directory);

    if (!files || stat("/proc/self/ns/net", &own) < 0)
        die(directory);
    snprintf(wanted, sizeof wanted, "\"netns\":%lu", (unsigned long)own.st_ino);
    for (struct dirent *entry; (entry = readdir(files));) {
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        const size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 5, ".json"))
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        const int file = open(path, O_RDONLY | O_CLOEXEC);
        const ssize_t n = file < 0 ? 0 : read(file, text, sizeof text - 1);
        close(file);
        text[n < 0 ? 0 : n] = 0;
        if (!strstr(text, wanted))
            continue;
        snprintf(to.sun_path, sizeof to.sun_path, "%.*s.sock", (int)strlen(path) - 5, path);
        const int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(s, (void *)&to, sizeof to) == 0)
            return s;
        close(s);
    }
    fprintf(stderr, "%s: there is no vnet of this network namespace\n", directory);
    exit(1);
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
    /* A supervisor looks for drivers at the first request. */
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
        fd = find(argv[2]);
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
    fprintf(stderr, "usage: ask echo DIRECTORY SECS | ask ioctl IF ERRNO SECS\n");
    return 2;
}
