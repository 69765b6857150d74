// The first packet of a TCP connection, and the packets that refuse it.
#ifndef VNET_NATIVE_SYN_H
#define VNET_NATIVE_SYN_H

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vnet {

/** Returns the name of a connection: both addresses, and both ports in network byte order. */
std::string connectionKey(const sockaddr_storage& from, const sockaddr_storage& to);

/** A SYN, which starts with its IP header. */
struct Syn {
  std::vector<uint8_t> packet;
  sockaddr_storage from, to;
};

/** Sets `syn`. Returns false for anything but a whole TCP SYN without IPv6 extension headers. */
bool parseSyn(const uint8_t* packet, size_t length, Syn& syn);

/**
 * Returns the packet that the destination of a SYN returns: a RST for ECONNREFUSED, an ICMP
 * error for other errors of connect(2) (RFC 792; RFC 4443 section 3.1); empty for ETIMEDOUT.
 */
std::vector<uint8_t> refusalOf(const Syn& syn, int error);

}  // namespace vnet

#endif
