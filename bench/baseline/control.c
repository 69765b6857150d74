/* control.c - a baseline: the smallest program that does the work of a driver and of vnet exec.
 *
 *   control serve DIRECTORY            echoes messages on a Unix stream socket; prints "ready"
 *   control dumps PATH                 replies to requests of many clients, as long as the
 *                                      statistics of two devices, until its parent ends
 *   control supervise IF PROGRAM ...   writes an int 0 to ifr_data for SIOCDEVPRIVATE + 2 on IF;
 *                                      leaves other interfaces to the kernel
 *
 * The supervisor follows seccomp_unotify(2): it reads memory before it checks the notification, and
 * checks it again before it writes memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Missing from the headers of some systems. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static char file[256];
static struct sockaddr_un own = { .sun_family = AF_UNIX };

static void end(int signal)
{
    unlink(file);
    unlink(own.sun_path);
    _exit(128 + signal);
}

/* Serves one client at a time. A file names its network namespace, as for a vnet. */
static _Noreturn void serve(const char *directory)
{
    static char b[1 << 17];
    struct stat netns;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    mkdir(directory, 0755);
    snprintf(own.sun_path, sizeof own.sun_path, "%s/%d-0.sock", directory, getpid());
    snprintf(file, sizeof file, "%s/%d-0.json", directory, getpid());
    if (fd < 0 || bind(fd, (void *)&own, sizeof own) < 0 || listen(fd, 8) < 0 || stat("/proc/self/ns/net", &netns) < 0)
        die("socket");
    FILE *f = fopen(file, "w");
    if (!f || fprintf(f, "{\"netns\":%lu}\n", (unsigned long)netns.st_ino) < 0 || fclose(f))
        die(file);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    puts("ready");
    fflush(stdout);
    for (;;) {
        const int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        struct nlmsghdr *h = (void *)b;
        while (recv(client, h, sizeof *h, MSG_WAITALL) == sizeof *h && h->nlmsg_len >= sizeof *h &&
               NLMSG_ALIGN(h->nlmsg_len) <= sizeof b) {
            const size_t length = NLMSG_ALIGN(h->nlmsg_len);
            if (length > sizeof *h && recv(client, h + 1, length - sizeof *h, MSG_WAITALL) <= 0)
                break;
            h->nlmsg_flags = 0;
            if (send(client, b, length, MSG_NOSIGNAL) < 0)
                break;
        }
        close(client);
    }
}

enum { CLIENTS = 256, REQUEST = 20, REPLY = 900 };

/* Serves one request of each client in turn, and none while the last reply is not sent. */
static _Noreturn void dumps(const char *path)
{
    static const char reply[REPLY];
    static struct pollfd fds[1 + CLIENTS];
    static size_t left[1 + CLIENTS];
    char request[REQUEST];
    nfds_t n = 1;

    snprintf(own.sun_path, sizeof own.sun_path, "%s", path);
    fds[0] = (struct pollfd){ socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), POLLIN, 0 };
    if (fds[0].fd < 0 || bind(fds[0].fd, (void *)&own, sizeof own) < 0 || chmod(path, 0666) < 0 || listen(fds[0].fd, 64) < 0)
        die("socket");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        if (poll(fds, n, -1) < 0)
            die("poll");
        if (fds[0].revents && n <= CLIENTS) {
            left[n] = 0;
            fds[n++] = (struct pollfd){ accept4(fds[0].fd, NULL, NULL, SOCK_CLOEXEC), POLLIN, 0 };
        }
        for (nfds_t i = 1; i < n; i++) {
            if (!fds[i].revents)
                continue;
            ssize_t got = left[i] ? REQUEST : recv(fds[i].fd, request, REQUEST, MSG_WAITALL);
            if (got == REQUEST && !left[i])
                left[i] = REPLY;
            if (got == REQUEST)
                got = send(fds[i].fd, reply, left[i], MSG_DONTWAIT | MSG_NOSIGNAL);
            if (got > 0)
                left[i] -= (size_t)got;
            else if (got == 0 || errno != EAGAIN) {
                close(fds[i].fd);
                n--;
                fds[i] = fds[n];
                left[i] = left[n];
                i--;
                continue;
            }
            fds[i].events = left[i] ? POLLOUT : POLLIN;
        }
    }
}

/* The low half of an argument, on a little-endian machine. */
#define WORD(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (n))
#define JUMP(how, k, yes, no) BPF_JUMP(BPF_JMP | (how) | BPF_K, (k), (yes), (no))

static int install(void)
{
    struct sock_filter filter[] = {
        WORD(offsetof(struct seccomp_data, nr)),
        JUMP(BPF_JEQ, SYS_ioctl, 0, 4),
        WORD(offsetof(struct seccomp_data, args[1])),
        JUMP(BPF_JGE, SIOCDEVPRIVATE, 0, 2),
        JUMP(BPF_JGT, SIOCDEVPRIVATE + 15, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static int at_child(pid_t pid, int write, uint64_t address, void *octets, size_t length)
{
    const struct iovec here = { octets, length }, there = { (void *)address, length };

    return (write ? process_vm_writev : process_vm_readv)(pid, &here, 1, &there, 1, 0) == (ssize_t)length ? 0 : -1;
}

static void answer(int fd, const char *name, const struct seccomp_notif *call, struct seccomp_notif_resp *response)
{
    struct ifreq ifr;
    int value = 0;

    response->id = call->id;
    response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (at_child((pid_t)call->pid, 0, call->data.args[2], &ifr, sizeof ifr) < 0 ||
        ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id) < 0 || strncmp(ifr.ifr_name, name, IFNAMSIZ))
        return;
    response->flags = 0;
    if (at_child((pid_t)call->pid, 1, (uintptr_t)ifr.ifr_data, &value, sizeof value) < 0)
        response->error = -EFAULT;
}

static int supervise(const char *name, char **program)
{
    int channel[2], number, status;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
        die("socketpair");
    const pid_t child = fork();
    if (child == 0) {
        const int listener = install();
        char go;
        if (listener < 0)
            die("seccomp");
        if (write(channel[1], &listener, sizeof listener) < 0 || read(channel[1], &go, 1) != 1)
            die("supervisor");
        close(listener);
        execvp(program[0], program);
        die(program[0]);
    }
    close(channel[1]);
    if (read(channel[0], &number, sizeof number) != sizeof number)
        die("seccomp");
    const int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    const int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
    if (fd < 0)
        die("pidfd_getfd");
    /* Linux 6.6; without it each call takes longer. */
    ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    if (write(channel[0], "", 1) < 0)
        die("write");
    for (;;) {
        struct pollfd wait = { fd, POLLIN, 0 };
        struct seccomp_notif call = { 0 };
        struct seccomp_notif_resp response = { 0 };
        if (poll(&wait, 1, -1) < 0 || !(wait.revents & POLLIN))
            break;
        if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
            continue;
        answer(fd, name, &call, &response);
        ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "serve"))
        serve(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "dumps"))
        dumps(argv[2]);
    if (argc > 3 && !strcmp(argv[1], "supervise"))
        return supervise(argv[2], argv + 3);
    fprintf(stderr, "usage: control serve DIRECTORY | control dumps PATH | control supervise IF PROGRAM [ARGS...]\n");
    return 2;
}
