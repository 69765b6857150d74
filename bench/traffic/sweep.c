/* sweep.c - sends ARP requests to every address of some ranges, again and again, in windows.
 *
 *   sweep IF SECS ADDR COUNT [ADDR COUNT]...
 *
 * Prints one JSON line: requests, replies, replies per second, and addresses that never replied.
 * A reply that takes over 100 ms is lost. */
#define _GNU_SOURCE
#include "times.h"
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { WINDOW = 64, MAX_RANGES = 8 };

struct frame {
    struct ether_header eth;
    struct ether_arp arp;
} __attribute__((packed));

static struct { uint32_t first, count; } ranges[MAX_RANGES];
static int nranges;

/* Returns the index of an address in the ranges, or -1. */
static long place(uint32_t address)
{
    long before = 0;
    for (int i = 0; i < nranges; before += ranges[i++].count)
        if (address - ranges[i].first < ranges[i].count)
            return before + (address - ranges[i].first);
    return -1;
}

static uint32_t address(long at)
{
    int i = 0;
    while (at >= ranges[i].count)
        at -= ranges[i++].count;
    return ranges[i].first + (uint32_t)at;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc % 2 == 0 || (argc - 3) / 2 > MAX_RANGES) {
        fprintf(stderr, "usage: sweep IF SECS ADDR COUNT [ADDR COUNT]...\n");
        return 2;
    }
    long total = 0;
    for (int i = 3; i < argc; i += 2, nranges++) {
        ranges[nranges].first = ntohl(inet_addr(argv[i]));
        ranges[nranges].count = (uint32_t)atol(argv[i + 1]);
        total += ranges[nranges].count;
    }
    unsigned char *seen = calloc((size_t)total, 1);
    int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ARP));
    struct ifreq ifr = { 0 };
    strncpy(ifr.ifr_name, argv[1], IFNAMSIZ - 1);
    if (!seen || s < 0 || ioctl(s, SIOCGIFHWADDR, &ifr) < 0)
        die(argv[1]);
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP),
                              .sll_ifindex = (int)if_nametoindex(argv[1]) };
    struct timeval tv = { 0, 100000 };
    if (bind(s, (void *)&at, sizeof at) || setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv))
        die("bind");

    struct frame ask = { 0 }, got;
    uint32_t own = htonl(0xc612fffe); /* 198.18.255.254 */
    memset(ask.eth.ether_dhost, 0xff, ETH_ALEN);
    memcpy(ask.eth.ether_shost, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
    ask.eth.ether_type = htons(ETH_P_ARP);
    ask.arp.ea_hdr = (struct arphdr){ htons(ARPHRD_ETHER), htons(ETH_P_IP), ETH_ALEN, 4, htons(ARPOP_REQUEST) };
    memcpy(ask.arp.arp_sha, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
    memcpy(ask.arp.arp_spa, &own, 4);

    double start = now(), end = start + atof(argv[2]), last = start;
    long asked = 0, replies = 0, silent = 0, out = 0;
    while (out > 0 || now() < end) {
        for (; out < WINDOW && now() < end; out++, asked++) {
            uint32_t target = htonl(address(asked % total));
            memcpy(ask.arp.arp_tpa, &target, 4);
            if (send(s, &ask, sizeof ask, 0) < 0)
                die("send");
        }
        ssize_t n = recv(s, &got, sizeof got, 0);
        if (n < 0 && errno != EAGAIN)
            die("recv");
        if (n < 0)
            out = 0;
        if (n < (ssize_t)sizeof got || ntohs(got.arp.ea_hdr.ar_op) != ARPOP_REPLY)
            continue;
        uint32_t from;
        memcpy(&from, got.arp.arp_spa, 4);
        long who = place(ntohl(from));
        if (who < 0 || memcmp(got.arp.arp_sha, got.eth.ether_shost, ETH_ALEN))
            continue;
        seen[who] = 1;
        replies++;
        last = now();
        if (out > 0)
            out--;
    }
    for (long i = 0; i < total && i < asked; i++)
        silent += !seen[i];
    printf("{\"asked\": %ld, \"replies\": %ld, \"silent\": %ld, \"pps\": %.0f}\n", asked, replies, silent,
           replies ? (double)replies / (last - start) : 0);
    return 0;
}
