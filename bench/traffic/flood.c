/* flood.c - floods a vnet with requests or frames, as an untrusted user might, until SIGTERM.
 *
 *   flood control PATH CONNECTIONS     as uid 65534, dumps of statistics over the Unix socket PATH
 *   flood deaf PATH CONNECTIONS        the same, without reading the replies
 *   flood captures PATH CONNECTIONS    likewise, captures that are requested and ended
 *   flood metrics NETNS PORT CONNECTIONS
 *                                      likewise, HTTP requests for /metrics in the namespace of
 *                                      the file NETNS
 *   flood dhcp IF RATE                 frames on IF: renewals of one DHCP client
 *   flood log IF RATE                  frames on IF: router solicitations
 *   flood udp-echo IF RATE             frames on IF: datagrams between two echo services
 *   flood broadcasts IF                frames on IF: short datagrams for everybody
 *   flood gso IF SIZE                  frames on IF: 60,000 bytes of TCP to be cut into segments of
 *                                      SIZE bytes
 *   flood tcp ADDR RATE                HTTP requests that stop within a header, 200 open at a time
 *   flood dns ADDR RATE                reverse queries of partial names
 *   flood dns-tcp ADDR CONNECTIONS     the same over TCP, 64 KiB of queries at a time
 *   flood renames IF                   link events: IF, which is down, is renamed
 *   flood events IF                    link events: altnames of lo come and go, IF is renamed
 *   flood idle PATH IF                 another program, a target for the other modes;
 *                                      it never reads its sockets
 *
 * RATE is per second. Without one, the next follows immediately, also when the other end takes no
 * more: the CPU time used is the same either way. Prints "ready" when the flood starts, and one
 * JSON line at its end: sent requests, and requests that the kernel refused. */
#define _GNU_SOURCE
#include "frames.h"
#include "times.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    NOBODY = 65534,
    FAMILY = 0x3f0, GET_STATS = 3, CAPTURE = 18, REQUESTS = 64, MOST_CONNECTIONS = 256,
    HTTP_PORT = 80, DNS_PORT = 53, OPEN = 200, UNTIL_SENT = 20,
    ALTNAMES = 200, ALTNAME_SIZE = 100,
    MOST_SECONDS = 60,
};

static volatile sig_atomic_t ended;
static long sent, refused;

static void on_end(int signal)
{
    (void)signal;
    ended = 1;
}

static void usage(void)
{
    fprintf(stderr, "usage: see the head of flood.c\n");
    exit(2);
}

static void begin(void)
{
    puts("ready");
    fflush(stdout);
}

static void count(int ok)
{
    if (ok)
        sent++;
    else
        refused++;
}

static int open_socket(int domain, int type, int protocol)
{
    const int s = socket(domain, type | SOCK_CLOEXEC, protocol);
    if (s < 0)
        die("socket");
    return s;
}

/* Calls `once` with 0, 1, 2 ..., so many times per second. */
static void paced(const char *per_second, void (*once)(long))
{
    const double start = now(), rate = atof(per_second);
    const struct timespec nap = { 0, 1000000 };

    begin();
    for (long n = 0; !ended; nanosleep(&nap, NULL))
        for (const long due = (long)((now() - start) * rate); n < due && !ended; n++)
            once(n);
}

/* --- requests over the control socket --- */

static struct { struct nlmsghdr h; struct genlmsghdr g; } requests[REQUESTS];
static struct { int fd; size_t at; } connections[MOST_CONNECTIONS];

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof sa.sun_path) {
        fprintf(stderr, "%s: too long for a Unix socket\n", path);
        exit(2);
    }
    strcpy(sa.sun_path, path);
    return sa;
}

static void become_nobody(void)
{
    if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
        die("setresuid");
    /* The kernel forgets it when the user changes. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Sends as many of the requests as the socket takes, and returns 0 or an errno. The rest of a
 * request that was cut comes first the next time. */
static int ask(int i)
{
    const size_t from = connections[i].at;
    const ssize_t n = send(connections[i].fd, (char *)requests + from, sizeof requests - from, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0) {
        refused++;
        return errno;
    }
    sent += (long)((from + (size_t)n) / sizeof *requests - from / sizeof *requests);
    connections[i].at = (from + (size_t)n) % sizeof requests;
    return 0;
}

static void request(const char *path, int n, int reads)
{
    static char replies[1 << 18];
    const struct sockaddr_un sa = unix_address(path);

    if (n < 1 || n > MOST_CONNECTIONS)
        usage();
    for (int i = 0; i < REQUESTS; i++) {
        requests[i].h = (struct nlmsghdr){ sizeof *requests, FAMILY, NLM_F_REQUEST | NLM_F_DUMP, (uint32_t)i + 1, 0 };
        requests[i].g = (struct genlmsghdr){ GET_STATS, 1, 0 };
    }
    become_nobody();
    for (int i = 0; i < n; i++)
        connections[i].fd = -1;
    begin();
    for (int i = 0; !ended; i = (i + 1) % n) {
        if (connections[i].fd < 0) {
            connections[i].fd = open_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
            connections[i].at = 0;
            if (connect(connections[i].fd, (const void *)&sa, sizeof sa) < 0 && errno != EAGAIN)
                die(path);
        }
        const int error = ask(i);
        const ssize_t got = reads ? recv(connections[i].fd, replies, sizeof replies, MSG_DONTWAIT) : -1;
        /* Opens a connection again that the other end refused or closed. */
        if ((error && error != EAGAIN) || got == 0) {
            close(connections[i].fd);
            connections[i].fd = -1;
        }
    }
}

static void control(char **args)
{
    request(args[0], atoi(args[1]), 1);
}

static void deaf(char **args)
{
    request(args[0], atoi(args[1]), 0);
}

/* Requests a capture over each connection in turn, and ends the connection after the reply. An idle
 * target never replies: then the connection ends after UNTIL_SENT turns without one. */
static void captures(char **args)
{
    static char reply[4096];
    static int turns[MOST_CONNECTIONS];
    const struct sockaddr_un sa = unix_address(args[0]);
    const int n = atoi(args[1]);
    const struct { struct nlmsghdr h; struct genlmsghdr g; } capture = {
        { sizeof capture, FAMILY, NLM_F_REQUEST | NLM_F_ACK, 1, 0 }, { CAPTURE, 1, 0 } };

    if (n < 1 || n > MOST_CONNECTIONS)
        usage();
    become_nobody();
    for (int i = 0; i < n; i++)
        connections[i].fd = -1;
    begin();
    for (int i = 0; !ended; i = (i + 1) % n) {
        int *fd = &connections[i].fd;
        if (*fd < 0) {
            *fd = open_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
            turns[i] = 0;
            if (connect(*fd, (const void *)&sa, sizeof sa) < 0 && errno != EAGAIN)
                die(args[0]);
            count(send(*fd, &capture, sizeof capture, MSG_DONTWAIT | MSG_NOSIGNAL) > 0);
        }
        const ssize_t got = recv(*fd, reply, sizeof reply, MSG_DONTWAIT);
        if (got >= 0 || errno != EAGAIN || ++turns[i] == UNTIL_SENT) {
            close(*fd);
            *fd = -1;
        }
    }
}

/* --- frames --- */

static int packet_socket(const char *name, uint8_t mac[ETH_ALEN])
{
    const int s = open_socket(AF_PACKET, SOCK_RAW, 0);
    struct ifreq ifr = { 0 };
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name) };

    strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(s, SIOCGIFHWADDR, &ifr) < 0 || bind(s, (void *)&at, sizeof at) < 0)
        die(name);
    memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
    return s;
}

static uint8_t frame[sizeof(struct gso_frame)];
static size_t frame_length;
static int out;

static void send_frame(long n)
{
    (void)n;
    count(send(out, frame, frame_length, MSG_DONTWAIT) == (ssize_t)frame_length);
}

static void frames(char **args, size_t (*build)(void *, const uint8_t *))
{
    uint8_t mac[ETH_ALEN];

    out = packet_socket(args[0], mac);
    frame_length = build(frame, mac);
    paced(args[1], send_frame);
}

static void dhcp(char **args)
{
    frames(args, renewal);
}

static void router_solicitations(char **args)
{
    frames(args, solicitation);
}

static void udp_echo(char **args)
{
    frames(args, spoofed_echo);
}

/* Sends the next frame immediately. A full interface makes send(2) wait. */
static void unpaced(size_t length)
{
    begin();
    while (!ended)
        count(send(out, frame, length, 0) == (ssize_t)length);
}

static void broadcasts(char **args)
{
    uint8_t mac[ETH_ALEN];

    out = packet_socket(args[0], mac);
    unpaced(broadcast(frame, mac));
}

static void gso(char **args)
{
    const int with_header = 1;
    uint8_t mac[ETH_ALEN];

    out = packet_socket(args[0], mac);
    if (setsockopt(out, SOL_PACKET, PACKET_VNET_HDR, &with_header, sizeof with_header))
        die("PACKET_VNET_HDR");
    unpaced(large_tcp(frame, mac, (uint16_t)atoi(args[1])));
}

/* --- half of an HTTP request, 200 times --- */

static struct sockaddr_in target = { .sin_family = AF_INET };
static int half_open[OPEN];

/* Opens a connection in place of the oldest, and sends half a header over one opened earlier. */
static void half_http(long n)
{
    static const char half[] = "GET / HTTP/1.1\r\nHost: web\r\nX-";
    const struct linger reset = { 1, 0 };
    const int i = (int)(n % OPEN);

    if (n >= OPEN)
        close(half_open[i]);
    half_open[i] = open_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(half_open[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connect(half_open[i], (void *)&target, sizeof target) < 0 && errno != EINPROGRESS)
        die("connect");
    if (n >= UNTIL_SENT)
        count(send(half_open[(n - UNTIL_SENT) % OPEN], half, sizeof half - 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0);
}

static void tcp(char **args)
{
    target.sin_port = htons(HTTP_PORT);
    target.sin_addr.s_addr = inet_addr(args[0]);
    paced(args[1], half_http);
}

/* --- reverse DNS --- */

/* PTR of b.a.in-addr.arpa, two of the four parts of an address; few of them exist here. */
static void partial_name(long n)
{
    unsigned char q[64] = { 0, 0, 1, 0, 0, 1 }, reply[512];
    const int parts[] = { (int)(n >> 8 & 255), (int)(n & 255) };
    size_t at = 12;

    q[0] = (unsigned char)(n >> 8);
    q[1] = (unsigned char)n;
    for (int i = 0; i < 2; i++) {
        const int length = sprintf((char *)q + at + 1, "%d", parts[i]);
        q[at] = (unsigned char)length;
        at += (size_t)length + 1;
    }
    memcpy(q + at, "\7in-addr\4arpa\0\0\14\0\1", 18);
    count(send(out, q, at + 18, MSG_DONTWAIT) > 0);
    while (recv(out, reply, sizeof reply, MSG_DONTWAIT) >= 0)
        ;
}

static void dns(char **args)
{
    target.sin_port = htons(DNS_PORT);
    target.sin_addr.s_addr = inet_addr(args[0]);
    out = open_socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(out, (void *)&target, sizeof target) < 0)
        die(args[0]);
    paced(args[1], partial_name);
}

/* Keeps the connections full of queries, and opens those again that the server closed. */
static void dns_over_tcp(char **args)
{
    static const unsigned char query[] = "\0\x19\0\1\0\0\0\1\0\0\0\0\0\0\7gateway\0\0\1\0\1";
    static unsigned char chunk[2048 * (sizeof query - 1)], replies[65536];
    const int most = atoi(args[1]);
    const struct timespec nap = { 0, 1000000 };

    if (most < 1 || most > MOST_CONNECTIONS)
        usage();
    for (size_t at = 0; at < sizeof chunk; at += sizeof query - 1)
        memcpy(chunk + at, query, sizeof query - 1);
    target.sin_port = htons(DNS_PORT);
    target.sin_addr.s_addr = inet_addr(args[0]);
    for (int i = 0; i < most; i++)
        connections[i].fd = -1;
    begin();
    for (; !ended; nanosleep(&nap, NULL))
        for (int i = 0; i < most; i++) {
            if (connections[i].fd < 0) {
                connections[i].fd = open_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
                connections[i].at = 0;
                if (connect(connections[i].fd, (void *)&target, sizeof target) < 0 && errno != EINPROGRESS)
                    die(args[0]);
            }
            const size_t at = connections[i].at;
            const ssize_t put = send(connections[i].fd, chunk + at, sizeof chunk - at, MSG_DONTWAIT | MSG_NOSIGNAL);
            const int failed = put < 0 && errno != EAGAIN && errno != ENOTCONN;
            if (put > 0) {
                connections[i].at = (at + (size_t)put) % sizeof chunk;
                sent += put / (long)(sizeof query - 1);
            }
            const ssize_t got = recv(connections[i].fd, replies, sizeof replies, MSG_DONTWAIT);
            if (failed || got == 0 || (got < 0 && errno != EAGAIN && errno != ENOTCONN)) {
                close(connections[i].fd);
                connections[i].fd = -1;
                refused++;
            }
        }
}

/* --- HTTP requests for metrics --- */

/* Keeps the connections full of requests, reads the replies, and opens those again that ended. */
static void metrics(char **args)
{
    static const char get[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static char replies[1 << 16];
    const int ns = open(args[0], O_RDONLY | O_CLOEXEC), most = atoi(args[2]);
    const struct timespec nap = { 0, 1000000 };

    if (most < 1 || most > MOST_CONNECTIONS)
        usage();
    if (ns < 0 || setns(ns, CLONE_NEWNET))
        die(args[0]);
    become_nobody();
    target.sin_port = htons((uint16_t)atoi(args[1]));
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < most; i++)
        connections[i].fd = -1;
    begin();
    for (; !ended; nanosleep(&nap, NULL))
        for (int i = 0; i < most; i++) {
            int *fd = &connections[i].fd;
            if (*fd < 0) {
                *fd = open_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
                if (connect(*fd, (void *)&target, sizeof target) < 0 && errno != EINPROGRESS)
                    die("connect");
            }
            const int put = send(*fd, get, sizeof get - 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
            const int failed = !put && errno != EAGAIN && errno != ENOTCONN;
            const ssize_t got = recv(*fd, replies, sizeof replies, MSG_DONTWAIT);
            count(put);
            if (failed || got == 0 || (got < 0 && errno != EAGAIN && errno != ENOTCONN)) {
                close(*fd);
                *fd = -1;
            }
        }
}

/* --- link events --- */

static struct {
    struct nlmsghdr h;
    struct ifinfomsg i;
    char attrs[256];
} link_request;

static void put(struct rtattr *into, int type, const char *name)
{
    into->rta_type = (unsigned short)type;
    into->rta_len = (unsigned short)(RTA_LENGTH(strlen(name) + 1));
    strcpy(RTA_DATA(into), name);
}

/* Sends a request about one interface, with one name in it, and returns 0 or an errno. */
static int change_link(int s, int type, int flags, int ifindex, const char *name)
{
    struct { struct nlmsghdr h; struct nlmsgerr e; char rest[512]; } reply;
    struct rtattr *a = (void *)link_request.attrs;
    const int altname = type != RTM_SETLINK;

    link_request.h = (struct nlmsghdr){ .nlmsg_type = (uint16_t)type,
                                        .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags) };
    link_request.i = (struct ifinfomsg){ .ifi_index = ifindex };
    if (altname) {
        put((void *)((char *)a + RTA_LENGTH(0)), IFLA_ALT_IFNAME, name);
        a->rta_type = IFLA_PROP_LIST | NLA_F_NESTED;
        a->rta_len = (unsigned short)RTA_LENGTH(RTA_LENGTH(strlen(name) + 1));
    } else
        put(a, IFLA_IFNAME, name);
    link_request.h.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof link_request.i) + RTA_ALIGN(a->rta_len));
    if (send(s, &link_request, link_request.h.nlmsg_len, 0) < 0 || recv(s, &reply, sizeof reply, 0) < 0)
        return errno;
    return -reply.e.error;
}

static void must(int error)
{
    if (error == 0 || error == EEXIST)
        return;
    errno = error;
    die("link");
}

static void events(char **args)
{
    const int s = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    const int lo = (int)if_nametoindex("lo"), other = (int)if_nametoindex(args[0]);
    char altname[ALTNAME_SIZE + 1], renamed[IFNAMSIZ];

    for (int i = 0; i < ALTNAMES; i++) {
        snprintf(altname, sizeof altname, "%0*d", ALTNAME_SIZE, i);
        must(change_link(s, RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL, lo, altname));
    }
    begin();
    for (long n = 0; !ended; n++) {
        snprintf(renamed, sizeof renamed, "churn%ld", n & 1);
        must(change_link(s, RTM_DELLINKPROP, 0, lo, altname));
        must(change_link(s, RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL, lo, altname));
        must(change_link(s, RTM_SETLINK, 0, other, renamed));
        sent += 3;
    }
    must(change_link(s, RTM_SETLINK, 0, other, args[0]));
}

static void renames(char **args)
{
    const int s = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    const int own = (int)if_nametoindex(args[0]);
    char renamed[IFNAMSIZ];

    begin();
    for (; !ended; sent++) {
        snprintf(renamed, sizeof renamed, "churn%ld", sent & 1);
        must(change_link(s, RTM_SETLINK, 0, own, renamed));
    }
    must(change_link(s, RTM_SETLINK, 0, own, args[0]));
}

/* --- another program --- */

/* Owns a socket of each kind. They take what their buffers have room for. */
static void idle(char **args)
{
    const char *path = args[0], *name = args[1];
    const struct sockaddr_un sa = unix_address(path);
    const struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(HTTP_PORT) };
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
                              .sll_ifindex = (int)if_nametoindex(name) };
    const int u = open_socket(AF_UNIX, SOCK_STREAM, 0), l = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    const int t = open_socket(AF_INET, SOCK_STREAM, 0), d = open_socket(AF_INET, SOCK_DGRAM, 0);
    const int p = open_socket(AF_PACKET, SOCK_RAW, 0), q = open_socket(AF_INET, SOCK_STREAM, 0);

    unlink(path);
    if (bind(u, (const void *)&sa, sizeof sa) || listen(u, MOST_CONNECTIONS) || chmod(path, 0666))
        die(path);
    if (bind(t, (void *)&any, sizeof any) || listen(t, SOMAXCONN))
        die("TCP");
    any.sin_port = htons(DNS_PORT);
    if (bind(d, (void *)&any, sizeof any))
        die("UDP");
    if (bind(q, (void *)&any, sizeof any) || listen(q, SOMAXCONN))
        die("DNS over TCP");
    if (bind(l, (const void *)&links, sizeof links) || bind(p, (void *)&at, sizeof at))
        die(name);
    begin();
    while (!ended)
        pause();
}

int main(int argc, char **argv)
{
    static const struct { const char *name; int args; void (*run)(char **); } modes[] = {
        { "control", 2, control }, { "deaf", 2, deaf }, { "captures", 2, captures },
        { "metrics", 3, metrics }, { "dhcp", 2, dhcp }, { "log", 2, router_solicitations },
        { "udp-echo", 2, udp_echo }, { "broadcasts", 1, broadcasts }, { "gso", 2, gso }, { "tcp", 2, tcp }, { "dns", 2, dns }, { "dns-tcp", 2, dns_over_tcp },
        { "renames", 1, renames }, { "events", 1, events }, { "idle", 2, idle },
    };
    const struct sigaction end = { .sa_handler = on_end, .sa_flags = SA_RESTART };
    size_t i = 0;

    while (i < sizeof modes / sizeof *modes && (argc < 2 || strcmp(argv[1], modes[i].name)))
        i++;
    if (i == sizeof modes / sizeof *modes || argc != 2 + modes[i].args)
        usage();
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGALRM, &end, NULL);
    alarm(MOST_SECONDS);
    const double start = now();
    modes[i].run(argv + 2);
    printf("{\"sent\": %ld, \"refused\": %ld, \"seconds\": %.3f}\n", sent, refused, now() - start);
    return 0;
}
