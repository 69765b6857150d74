/* frames.h - the Ethernet frames that flood.c sends. It uses the addresses of ../strangers.yaml. */
#ifndef VNET_BENCH_FRAMES_H
#define VNET_BENCH_FRAMES_H
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { ECHO_PORT = 7007, BOOTP_SIZE = 244, MOST_PAYLOAD = 300, LARGE_PAYLOAD = 60000 };

#define GATEWAY_IP "198.18.64.1"
#define CLIENT_IP "198.18.64.100" /* the first of the DHCP pool */
#define ECHO_A_IP "198.18.64.2"
#define ECHO_B_IP "198.18.64.3"

static const uint8_t everybody[] = { 255, 255, 255, 255, 255, 255 };
static const uint8_t gateway_mac[] = { 2, 0, 0, 0, 64, 1 };
static const uint8_t echo_a_mac[] = { 2, 0, 0, 0, 64, 2 };
static const uint8_t echo_b_mac[] = { 2, 0, 0, 0, 64, 3 };

struct udp4_frame {
    struct ether_header eth;
    struct iphdr ip;
    struct udphdr udp;
    uint8_t data[MOST_PAYLOAD];
} __attribute__((packed));

struct solicitation_frame {
    struct ether_header eth;
    struct ip6_hdr ip;
    struct icmp6_hdr icmp;
    uint8_t option[8];
} __attribute__((packed));

/* A frame as PACKET_VNET_HDR sends it. */
struct gso_frame {
    struct virtio_net_hdr gso;
    struct ether_header eth;
    struct iphdr ip;
    struct tcphdr tcp;
    uint8_t data[LARGE_PAYLOAD];
} __attribute__((packed));

/* Adds big-endian 16-bit words to a ones' complement sum. */
static uint32_t sum(const void *data, size_t length, uint32_t start)
{
    const uint8_t *b = data;
    for (size_t i = 0; i < length; i++)
        start += i & 1 ? b[i] : (uint32_t)b[i] << 8;
    return start;
}

static uint16_t fold(uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return htons((uint16_t)~s);
}

static void ether(struct ether_header *eth, const uint8_t *to, const uint8_t *from, uint16_t type)
{
    memcpy(eth->ether_dhost, to, ETH_ALEN);
    memcpy(eth->ether_shost, from, ETH_ALEN);
    eth->ether_type = htons(type);
}

/* Fills the headers of a UDP datagram without a checksum; returns the length of the frame. */
static size_t udp4(struct udp4_frame *f, const char *from, const char *to, uint16_t source, uint16_t dest, size_t size)
{
    const size_t length = sizeof f->ip + sizeof f->udp + size;
    f->ip = (struct iphdr){ .version = 4, .ihl = 5, .tot_len = htons((uint16_t)length), .ttl = 64,
                            .protocol = IPPROTO_UDP, .saddr = inet_addr(from), .daddr = inet_addr(to) };
    f->ip.check = fold(sum(&f->ip, sizeof f->ip, 0));
    f->udp = (struct udphdr){ .source = htons(source), .dest = htons(dest),
                              .len = htons((uint16_t)(sizeof f->udp + size)) };
    return sizeof f->eth + length;
}

/* A DHCPREQUEST of a client that renews CLIENT_IP (RFC 2131 sec. 4.3.2). */
static size_t renewal(void *frame, const uint8_t *mac)
{
    static const uint8_t end[] = { 99, 130, 83, 99, 53, 1, 3, 255 };
    struct udp4_frame *f = frame;
    const in_addr_t own = inet_addr(CLIENT_IP);

    ether(&f->eth, gateway_mac, mac, ETHERTYPE_IP);
    memset(f->data, 0, BOOTP_SIZE);
    memcpy(f->data, (uint8_t[]){ 1, 1, ETH_ALEN, 0, 'v', 'n', 'e', 't' }, 8);
    memcpy(f->data + 12, &own, 4);
    memcpy(f->data + 28, mac, ETH_ALEN);
    memcpy(f->data + 236, end, sizeof end);
    return udp4(f, CLIENT_IP, GATEWAY_IP, 68, 67, BOOTP_SIZE);
}

/* A datagram with the source address and port of one host's echo service, for another host's. */
static size_t spoofed_echo(void *frame, const uint8_t *mac)
{
    struct udp4_frame *f = frame;

    (void)mac;
    ether(&f->eth, echo_b_mac, echo_a_mac, ETHERTYPE_IP);
    memset(f->data, 'x', 18);
    return udp4(f, ECHO_A_IP, ECHO_B_IP, ECHO_PORT, ECHO_PORT, 18);
}

/* A datagram for everybody, to a port on which nothing listens. */
static size_t broadcast(void *frame, const uint8_t *mac)
{
    struct udp4_frame *f = frame;

    ether(&f->eth, everybody, mac, ETHERTYPE_IP);
    memset(f->data, 'x', 18);
    return udp4(f, CLIENT_IP, "255.255.255.255", 9, 9, 18);
}

/* TCP segments of `size` bytes in one frame, for everybody, with partial checksums. */
static size_t large_tcp(void *frame, const uint8_t *mac, uint16_t size)
{
    struct gso_frame *f = frame;
    const uint16_t length = sizeof f->ip + sizeof f->tcp + sizeof f->data;
    const uint16_t start = sizeof f->eth + sizeof f->ip;

    f->gso = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                      .hdr_len = start + sizeof f->tcp, .gso_size = size,
                                      .csum_start = start, .csum_offset = offsetof(struct tcphdr, check) };
    ether(&f->eth, everybody, mac, ETHERTYPE_IP);
    f->ip = (struct iphdr){ .version = 4, .ihl = 5, .tot_len = htons(length), .ttl = 64, .protocol = IPPROTO_TCP,
                            .saddr = inet_addr(CLIENT_IP), .daddr = inet_addr(GATEWAY_IP) };
    f->ip.check = fold(sum(&f->ip, sizeof f->ip, 0));
    f->tcp = (struct tcphdr){ .source = htons(9), .dest = htons(9), .doff = sizeof f->tcp / 4, .ack = 1 };
    memset(f->data, 'x', sizeof f->data);
    return sizeof *f;
}

/* A router solicitation (RFC 4861 sec. 4.1). It has the MAC address of the gateway, so that the
 * other ports are not flooded with it. */
static size_t solicitation(void *frame, const uint8_t *mac)
{
    struct solicitation_frame *f = frame;
    const uint16_t length = sizeof f->icmp + sizeof f->option;

    ether(&f->eth, gateway_mac, mac, ETHERTYPE_IPV6);
    f->ip = (struct ip6_hdr){ .ip6_flow = htonl(6u << 28), .ip6_plen = htons(length),
                              .ip6_nxt = IPPROTO_ICMPV6, .ip6_hlim = 255 };
    inet_pton(AF_INET6, "fe80::64:9", &f->ip.ip6_src);
    inet_pton(AF_INET6, "ff02::2", &f->ip.ip6_dst);
    f->icmp = (struct icmp6_hdr){ .icmp6_type = ND_ROUTER_SOLICIT };
    memcpy(f->option, (uint8_t[]){ ND_OPT_SOURCE_LINKADDR, 1 }, 2);
    memcpy(f->option + 2, mac, ETH_ALEN);
    f->icmp.icmp6_cksum =
        fold(sum(&f->icmp, length, sum(&f->ip.ip6_src, 32, (uint32_t)length + IPPROTO_ICMPV6)));
    return sizeof *f;
}
#endif
