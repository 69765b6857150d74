/* owd.c - one-way delays of UDP datagrams that are sent at a steady rate.
 *
 *   owd recv PORT MAXSECS WARMUP           prints "ready", then one JSON line, times in us
 *   owd send ADDR PORT SECS RATE           sends RATE datagrams per second
 *
 * Each datagram carries a number and the time at which it was sent, and makes a
 * 64-byte frame. It arrives when the kernel gives it to the socket
 * (SO_TIMESTAMPNS), so the receiver need not be woken for each: it empties its
 * socket every 2 ms and takes no CPU time from the sender in between. Both times
 * are CLOCK_MONOTONIC of one machine. Datagrams of the first WARMUP seconds do not
 * count.
 *
 * The sender sleeps for 40 us and then sends what is due: two datagrams in a row
 * at 50,000 per second, eight at 200,000. A datagram that it sends late is still
 * measured from when it was sent. At the end it repeats a FIN (all-ones number,
 * then the count sent) until the receiver has left. */
#define _GNU_SOURCE
#include "udp.h"
#include <sys/prctl.h>

enum { BATCH = 64, SIZE = 18, PAUSE = 40000, DRAIN = 2000000, FINS = 150 };
static const uint64_t FIN = ~0ull;

struct datagram { uint64_t seq; int64_t at; };

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void pause_ns(long ns)
{
    struct timespec t = { 0, ns };
    nanosleep(&t, NULL);
}

/* When the kernel received a message, in ns of CLOCK_REALTIME; -1 if it does not say. */
static int64_t arrival(struct msghdr *m)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    struct timespec t;

    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
        return -1;
    memcpy(&t, CMSG_DATA(c), sizeof t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

struct count { double *us; size_t n, room; uint64_t rx, sent; int64_t first; int fin; };

static void add(struct count *c, double us)
{
    if (c->n == c->room) {
        c->room = c->room ? 2 * c->room : 1 << 16;
        if (!(c->us = realloc(c->us, c->room * sizeof *c->us)))
            die("realloc");
    }
    c->us[c->n++] = us;
}

static int receiver(int port, double maxsecs, double warmup)
{
    static struct mmsghdr msgs[BATCH];
    static struct iovec iov[BATCH];
    static struct datagram data[BATCH];
    static _Alignas(struct cmsghdr) char control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
    int s = udp_socket(NULL, port, 200), on = 1;
    struct count c = { .first = -1 };
    double end = now() + maxsecs;

    if (setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on))
        die("SO_TIMESTAMPNS");
    prctl(PR_SET_TIMERSLACK, 1);
    puts("ready");
    fflush(stdout);
    while (!c.fin && now() < end) {
        for (int i = 0; i < BATCH; i++) {
            iov[i] = (struct iovec){ &data[i], sizeof data[i] };
            msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1,
                                               .msg_control = control[i], .msg_controllen = sizeof control[i] };
        }
        int n = recvmmsg(s, msgs, BATCH, MSG_DONTWAIT, NULL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            die("recvmmsg");
        int64_t offset = clock_ns(CLOCK_MONOTONIC) - clock_ns(CLOCK_REALTIME);
        for (int i = 0; i < n; i++) {
            int64_t at = arrival(&msgs[i].msg_hdr);
            if (data[i].seq == FIN) {
                c.sent = (uint64_t)data[i].at;
                c.fin = 1;
                break;
            }
            c.rx++;
            if (c.first < 0)
                c.first = data[i].at;
            if (at >= 0 && data[i].at >= c.first + (int64_t)(warmup * 1e9))
                add(&c, (double)(at + offset - data[i].at) / 1e3);
        }
        if (n < BATCH)
            pause_ns(DRAIN);
    }
    if (!c.fin) {
        fprintf(stderr, "no FIN after %g s\n", maxsecs);
        return 1;
    }
    return print_times(c.us, (long)c.n, (long)(c.sent - c.rx));
}

static int sender(const char *addr, int port, double secs, double rate)
{
    int s = udp_socket(addr, port, 200);
    unsigned char b[SIZE] = { 0 };
    struct datagram d = { 0 };
    int64_t start = clock_ns(CLOCK_MONOTONIC), time = (int64_t)(secs * 1e9);

    prctl(PR_SET_TIMERSLACK, 1);
    for (int64_t passed = 0; passed < time; passed = clock_ns(CLOCK_MONOTONIC) - start) {
        for (double due = (double)passed * rate / 1e9; (double)d.seq < due;) {
            d.at = clock_ns(CLOCK_MONOTONIC);
            memcpy(b, &d, sizeof d);
            if (send(s, b, sizeof b, 0) >= 0)
                d.seq++;
            else if (errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED)
                die("send");
        }
        pause_ns(PAUSE);
    }
    d = (struct datagram){ FIN, (int64_t)d.seq };
    memcpy(b, &d, sizeof d);
    for (int i = 0; i < FINS; i++) {
        pause_ns(20000000);
        if (send(s, b, sizeof b, 0) < 0 && errno == ECONNREFUSED)
            break; /* the receiver has what it needs and left */
    }
    printf("{\"sent\": %lld, \"rate\": %.0f}\n", (long long)d.at, (double)d.at / secs);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "recv"))
        return receiver(atoi(argv[2]), atof(argv[3]), atof(argv[4]));
    if (argc == 6 && !strcmp(argv[1], "send") && atof(argv[5]) > 0)
        return sender(argv[2], atoi(argv[3]), atof(argv[4]), atof(argv[5]));
    fprintf(stderr, "usage: owd recv PORT MAXSECS WARMUP | owd send ADDR PORT SECS RATE\n");
    return 2;
}
