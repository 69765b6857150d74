// TCP connections from a network namespace to the machine's network. The kernel's TCP ends them on
// both sides, and splice(2) moves their bytes.
#ifndef VNET_NATIVE_TCP_OUT_H
#define VNET_NATIVE_TCP_OUT_H

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "syn.h"

namespace vnet {

/** Addresses in the other namespace: of the machine's DNS server, 198.19.255.53, and of itself. */
constexpr uint32_t kResolver = 0xc613ff35;
constexpr const char* kResolver6 = "2001:db8:0:ffff::53";
constexpr uint32_t kMachine = 0xc613ff37;

/**
 * Connects from the network namespace of its process, but not to that machine itself. `gate`, a TUN
 * of the other namespace, gets the first packet of each connection, a SYN, and its destination is
 * connected. The SYN then returns through the gate, and the other namespace hands it to `listener`,
 * which is transparent. A connection that is refused is refused through the gate.
 */
class TcpOut {
 public:
  /**
   * Both descriptors are non-blocking, and remain the caller's. kMachine leads to these ports of
   * the machine's loopback, and kResolver to the DNS server at an address; "" for none.
   */
  TcpOut(int gate, int listener, std::vector<uint16_t> ports, std::string nameserver);
  /** Resets all connections: their last bytes may be missing. */
  ~TcpOut();
  TcpOut(const TcpOut&) = delete;
  TcpOut& operator=(const TcpOut&) = delete;

  /** Readable when step() has something to do. */
  int fd() const { return epoll_; }
  /** The SYNs that were dropped because of too many connections. */
  size_t refused() const { return refused_; }
  /** Handles the present events. To be called every few seconds without any, too. */
  void step();

 private:
  struct Connection;
  /** A socket. */
  struct End {
    Connection* connection;
    int fd = -1;
    /** Of epoll; it also reports errors and hangups while it watches. */
    uint32_t events = 0;
    bool isWatched = false;
  };
  /** The bytes in one direction. */
  struct Stream {
    /** A pipe, while it holds bytes that the other end has not taken. */
    int pipe[2] = {-1, -1};
    size_t held = 0;
    /** Whether the sender has sent all, and whether the receiver knows. */
    bool isEnded = false;
    bool isShut = false;
  };
  enum class State { kConnecting, kOffered, kOpen, kClosed };
  struct Connection {
    State state;
    std::string key;
    Syn syn;
    time_t since;
    /** Whether to try the machine's IPv6 loopback after its IPv4 loopback. */
    bool hasSecond;
    /** To the client in the other namespace, and to the server. */
    End inner, outer;
    Stream out, in;
    std::list<Connection>::iterator self;
  };

  void readGate();
  void writeGate(const std::vector<uint8_t>& packet) const;
  void open(Syn syn, std::string key);
  bool isOwn(const sockaddr_storage& address) const;
  void connect(Connection& connection, const sockaddr_storage& to);
  void fail(Connection& connection, int error);
  void accept();
  void handle(End& end, uint32_t events);
  /** Returns false if the connection has failed. `isReadable`: epoll has reported EPOLLIN. */
  bool move(Stream& stream, int from, int to, bool isReadable);
  bool takePipe(Stream& stream);
  void givePipe(Stream& stream);
  void watch(End& end, uint32_t events, bool isHungUp);
  void setState(Connection& connection, State state);
  void close(Connection& connection, bool isReset);
  /** Closes connections that no client accepts. */
  void expire();

  int epoll_, gate_, listener_;
  const std::vector<uint16_t> ports_;
  const std::string nameserver_;
  std::list<Connection> connections_;
  /** Closed ones, to which the events of a step may still refer. */
  std::list<Connection> closed_;
  std::unordered_map<std::string, Connection*> byKey_;
  /** How many are being made, and how many no client has accepted. */
  size_t connecting_ = 0, offered_ = 0;
  time_t expired_ = 0;
  /** Connections for which there are descriptors. */
  size_t limit_;
  size_t refused_ = 0;
  size_t openPipes_ = 0;
  /** Empty pipes. */
  std::vector<std::pair<int, int>> pipes_;
  /** A socket of rtnetlink. */
  int routes_;
};

}  // namespace vnet

#endif
