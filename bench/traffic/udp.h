/* udp.h - shared by pps.c and lat.c. */
#ifndef VNET_BENCH_UDP_H
#define VNET_BENCH_UDP_H
#include "times.h"
#include <arpa/inet.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A UDP socket; recv gives up after timeout_ms; bound to port when addr
 * is NULL, otherwise connected. Busy polling is off whatever the sysctl says. */
static int udp_socket(const char *addr, int port, int timeout_ms)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
    int big = 16 << 20, zero = 0, s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (s < 0)
        die("socket");
    setsockopt(s, SOL_SOCKET, SO_BUSY_POLL, &zero, sizeof zero);
    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    if (addr && inet_pton(AF_INET, addr, &sa.sin_addr) != 1) {
        fprintf(stderr, "bad address %s\n", addr);
        exit(2);
    }
    if (addr ? connect(s, (void *)&sa, sizeof sa) : bind(s, (void *)&sa, sizeof sa))
        die(addr ? "connect" : "bind");
    return s;
}
#endif
