// The program that connects a network namespace to the machine's network, such as pasta(1), and
// lives as long as its vnet.
#ifndef VNET_NATIVE_WAY_OUT_H
#define VNET_NATIVE_WAY_OUT_H

namespace vnet {

/** The options of vnet-rootless. The second starts the process aside. */
constexpr const char* kWayOut = "--way-out";
constexpr const char* kWayOutAside = "--way-out-aside";

/**
 * Waits for one message on standard input, a Unix socket, and runs the program that it names until
 * the other end of the socket is closed. Aside, another process does so, not a child of the caller,
 * and this one returns: vnet may become a program that does not expect a child. vnet starts this
 * process in the machine's namespaces before it enters its own, and sends the message from there.
 * It is lines: a file of a network namespace and a file that it is mounted on for the program (both
 * `-`: none), a log, ports, a DNS server, the program, and its arguments. The log gets the output
 * of the program, and a last line `ended`. Two descriptors with the message, the ports and the
 * server are for a TcpOut. Returns the exit status.
 */
int serveWayOut(bool isAside);

}  // namespace vnet

#endif
