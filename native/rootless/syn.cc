#include "syn.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vnet {

namespace {

constexpr size_t kIpv4 = sizeof(iphdr);
constexpr size_t kIpv6 = sizeof(ip6_hdr);
constexpr uint8_t kHops = 64;
/** The bytes of the refused packet in an ICMP error: RFC 792, and within the smallest IPv6 MTU. */
constexpr size_t kQuoted = 8;
constexpr size_t kQuoted6 = 1232;

uint32_t sum(const uint8_t* bytes, size_t length, uint32_t from = 0) {
  for (size_t i = 0; i < length; i++) from += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  return from;
}

/** The Internet checksum (RFC 1071), in network byte order. */
uint16_t checksum(uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<uint16_t>(~sum));
}

bool isIpv6(const Syn& syn) { return syn.to.ss_family == AF_INET6; }

size_t ipLength(const Syn& syn) { return isIpv6(syn) ? kIpv6 : (syn.packet[0] & 0x0f) * 4U; }

void setAddress(sockaddr_storage& to, int family, const void* address, uint16_t port) {
  to = {};
  to.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(to);
    v4.sin_port = port;
    std::memcpy(&v4.sin_addr, address, sizeof v4.sin_addr);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
    v6.sin6_port = port;
    std::memcpy(&v6.sin6_addr, address, sizeof v6.sin6_addr);
  }
}

/** Returns a packet from the destination of a SYN to its source, with a payload of zeros. */
std::vector<uint8_t> reply(const Syn& syn, uint8_t protocol, size_t length) {
  const uint8_t* packet = syn.packet.data();
  if (isIpv6(syn)) {
    std::vector<uint8_t> bytes(kIpv6 + length);
    ip6_hdr header = {};
    header.ip6_vfc = 6 << 4;
    header.ip6_plen = htons(static_cast<uint16_t>(length));
    header.ip6_nxt = protocol;
    header.ip6_hops = kHops;
    std::memcpy(&header.ip6_src, packet + offsetof(ip6_hdr, ip6_dst), sizeof header.ip6_src);
    std::memcpy(&header.ip6_dst, packet + offsetof(ip6_hdr, ip6_src), sizeof header.ip6_dst);
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
  }
  std::vector<uint8_t> bytes(kIpv4 + length);
  iphdr header = {};
  header.version = 4;
  header.ihl = 5;
  header.tot_len = htons(static_cast<uint16_t>(bytes.size()));
  header.ttl = kHops;
  header.protocol = protocol;
  std::memcpy(&header.saddr, packet + offsetof(iphdr, daddr), sizeof header.saddr);
  std::memcpy(&header.daddr, packet + offsetof(iphdr, saddr), sizeof header.daddr);
  header.check = checksum(sum(reinterpret_cast<uint8_t*>(&header), sizeof header));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

/** Writes the checksum over the payload, and over a pseudo header if the protocol has one. */
void setChecksum(std::vector<uint8_t>& bytes, const Syn& syn, uint8_t protocol, size_t at) {
  const size_t from = isIpv6(syn) ? kIpv6 : kIpv4;
  const size_t length = bytes.size() - from;
  const size_t addresses = isIpv6(syn) ? 32 : 8;
  const bool hasPseudoHeader = protocol != IPPROTO_ICMP;
  const uint32_t pseudo =
      hasPseudoHeader ? sum(bytes.data() + from - addresses, addresses, static_cast<uint32_t>(protocol + length)) : 0;
  const uint16_t value = checksum(sum(bytes.data() + from, length, pseudo));
  std::memcpy(bytes.data() + from + at, &value, sizeof value);
}

std::vector<uint8_t> reset(const Syn& syn) {
  const size_t ip = ipLength(syn);
  tcphdr given;
  std::memcpy(&given, syn.packet.data() + ip, sizeof given);
  const auto data = static_cast<uint32_t>(syn.packet.size() - ip - given.doff * 4U);
  tcphdr header = {};
  header.source = given.dest;
  header.dest = given.source;
  header.ack_seq = htonl(ntohl(given.seq) + 1 + data);
  header.doff = sizeof header / 4;
  header.rst = 1;
  header.ack = 1;
  std::vector<uint8_t> bytes = reply(syn, IPPROTO_TCP, sizeof header);
  std::memcpy(bytes.data() + bytes.size() - sizeof header, &header, sizeof header);
  setChecksum(bytes, syn, IPPROTO_TCP, offsetof(tcphdr, check));
  return bytes;
}

std::vector<uint8_t> unreachable(const Syn& syn, int error) {
  const bool isForbidden = error == EACCES || error == EPERM;
  const bool isNetwork = error == ENETUNREACH;
  const bool is6 = isIpv6(syn);
  const size_t quoted = std::min(syn.packet.size(), is6 ? kQuoted6 - kIpv6 - 8 : ipLength(syn) + kQuoted);
  const uint8_t protocol = is6 ? uint8_t{IPPROTO_ICMPV6} : uint8_t{IPPROTO_ICMP};
  std::vector<uint8_t> bytes = reply(syn, protocol, 8 + quoted);
  uint8_t* icmp = bytes.data() + bytes.size() - 8 - quoted;
  if (is6) {
    icmp[0] = ICMP6_DST_UNREACH;
    icmp[1] = isForbidden ? ICMP6_DST_UNREACH_ADMIN : isNetwork ? ICMP6_DST_UNREACH_NOROUTE : ICMP6_DST_UNREACH_ADDR;
  } else {
    icmp[0] = ICMP_DEST_UNREACH;
    icmp[1] = isForbidden ? ICMP_PKT_FILTERED : isNetwork ? ICMP_NET_UNREACH : ICMP_HOST_UNREACH;
  }
  std::memcpy(icmp + 8, syn.packet.data(), quoted);
  setChecksum(bytes, syn, protocol, 2);
  return bytes;
}

}  // namespace

std::string connectionKey(const sockaddr_storage& from, const sockaddr_storage& to) {
  std::string key;
  for (const sockaddr_storage* each : {&from, &to}) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(each);
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(each);
    const bool isMapped = each->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
    const uint8_t* address = each->ss_family == AF_INET ? reinterpret_cast<const uint8_t*>(&v4->sin_addr)
                                                        : v6->sin6_addr.s6_addr + (isMapped ? 12 : 0);
    key.append(reinterpret_cast<const char*>(address), each->ss_family == AF_INET || isMapped ? 4 : 16);
    // Both kinds of addresses have the port at the same place.
    key.append(reinterpret_cast<const char*>(&v4->sin_port), sizeof v4->sin_port);
  }
  return key;
}

bool parseSyn(const uint8_t* packet, size_t length, Syn& syn) {
  if (length < kIpv4) return false;
  const int family = packet[0] >> 4 == 4 ? AF_INET : AF_INET6;
  const size_t ip = family == AF_INET ? (packet[0] & 0x0f) * 4U : kIpv6;
  if (length < ip + sizeof(tcphdr) || ip < kIpv4) return false;
  const uint8_t protocol = family == AF_INET ? packet[offsetof(iphdr, protocol)] : packet[offsetof(ip6_hdr, ip6_nxt)];
  tcphdr tcp;
  std::memcpy(&tcp, packet + ip, sizeof tcp);
  if (protocol != IPPROTO_TCP || !tcp.syn || tcp.ack || length < ip + tcp.doff * 4U) return false;
  syn.packet.assign(packet, packet + length);
  const bool is4 = family == AF_INET;
  setAddress(syn.from, family, packet + (is4 ? offsetof(iphdr, saddr) : offsetof(ip6_hdr, ip6_src)), tcp.source);
  setAddress(syn.to, family, packet + (is4 ? offsetof(iphdr, daddr) : offsetof(ip6_hdr, ip6_dst)), tcp.dest);
  return true;
}

std::vector<uint8_t> refusalOf(const Syn& syn, int error) {
  if (error == ETIMEDOUT) return {};
  return error == ECONNREFUSED || error == ECONNRESET ? reset(syn) : unreachable(syn, error);
}

}  // namespace vnet
