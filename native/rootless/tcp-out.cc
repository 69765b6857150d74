#include "tcp-out.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace vnet {

namespace {

/** Packets of the gate are as on Ethernet. */
constexpr size_t kPacket = 1500;
/** Bounds the memory that a flood of SYNs takes: the kernel repeats a dropped SYN. */
constexpr size_t kConnecting = 4096;
/** Beyond it, the oldest connection that no client has accepted is closed. */
constexpr size_t kOffered = 4096;
/** Seconds. A kernel gives up a connect after 127, and a SYN-ACK without an ACK after 63. */
constexpr time_t kConnectPatience = 130, kOfferPatience = 65;
/** The most bytes that a connection moves in one step, so that others have their turn. */
constexpr size_t kMove = 1 << 18;
constexpr size_t kIdlePipes = 64;
constexpr int kEvents = 64;
constexpr uint16_t kDomain = 53;

time_t now() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

int errorOf(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

void setOptions(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // An urgent byte remains in the stream (RFC 6093 section 6).
  ::setsockopt(socket, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
}

/**
 * Finds a server that has vanished. The probes of a client reach only this side, so the client
 * learns of it by a RST, after some 75 s.
 */
void setKeepAlive(int socket) {
  const int on = 1, seconds = 15, probes = 4;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

/** Makes close(2) send a RST. */
void setReset(int socket) {
  const linger none = {1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

socklen_t lengthOf(const sockaddr_storage& address) {
  return address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

in_addr_t v4Of(const sockaddr_storage& address) {
  return address.ss_family == AF_INET ? ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) : 0;
}

bool isResolverAddress(const sockaddr_storage& address) {
  in6_addr resolver;
  ::inet_pton(AF_INET6, kResolver6, &resolver);
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return v4Of(address) == kResolver || (address.ss_family == AF_INET6 && IN6_ARE_ADDR_EQUAL(&v6, &resolver));
}

/**
 * Sets `to` to an address in text form, with the same port. Returns false if it is not an address.
 */
bool setAddress(sockaddr_storage& to, const char* text) {
  const in_port_t port = reinterpret_cast<const sockaddr_in&>(to).sin_port;
  to = {};
  auto& v4 = reinterpret_cast<sockaddr_in&>(to);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
  v4.sin_port = port;
  if (::inet_pton(AF_INET, text, &v4.sin_addr) == 1) to.ss_family = AF_INET;
  else if (::inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) to.ss_family = AF_INET6;
  return to.ss_family != AF_UNSPEC;
}

/** Moves bytes that splice(2) does not. */
ssize_t copy(int from, int pipe) {
  char bytes[4096];
  const ssize_t got = ::recv(from, bytes, sizeof bytes, 0);
  return got > 0 ? ::write(pipe, bytes, static_cast<size_t>(got)) : got;
}

/** Returns the number of connections for which this process has descriptors: two, and two pipes. */
size_t descriptorLimit() {
  constexpr size_t kOthers = 64, kEach = 6;
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= kOthers) return 1;
  return (limit.rlim_cur - kOthers) / kEach;
}

}  // namespace

TcpOut::TcpOut(int gate, int listener, std::vector<uint16_t> ports, std::string nameserver)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), gate_(gate), listener_(listener), ports_(std::move(ports)),
      nameserver_(std::move(nameserver)), limit_(descriptorLimit()),
      routes_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  for (int* each : {&gate_, &listener_}) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.ptr = each;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, *each, &event);
  }
}

TcpOut::~TcpOut() {
  while (!connections_.empty()) close(connections_.front(), true);
  for (const auto& [from, to] : pipes_) {
    ::close(from);
    ::close(to);
  }
  ::close(routes_);
  ::close(epoll_);
}

bool TcpOut::isOwn(const sockaddr_storage& address) const {
  if (address.ss_family == AF_INET && v4Of(address) >> 24 == 0) return true;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (address.ss_family == AF_INET6 && (IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_V4MAPPED(&v6))) return true;
  struct {
    nlmsghdr header;
    rtmsg route;
    rtattr attribute;
    uint8_t destination[sizeof(in6_addr)];
  } request = {};
  const bool is4 = address.ss_family == AF_INET;
  const size_t length = is4 ? sizeof(in_addr) : sizeof(in6_addr);
  request.attribute.rta_type = RTA_DST;
  request.attribute.rta_len = static_cast<uint16_t>(RTA_LENGTH(length));
  request.header.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(sizeof(rtmsg)) + RTA_LENGTH(length));
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.route.rtm_family = static_cast<uint8_t>(address.ss_family);
  request.route.rtm_dst_len = static_cast<uint8_t>(length * 8);
  const void* bytes = is4 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(address).sin_addr) : &v6;
  std::memcpy(request.destination, bytes, length);
  alignas(nlmsghdr) uint8_t reply[4096];
  if (::send(routes_, &request, request.header.nlmsg_len, 0) < 0) return true;
  const ssize_t got = ::recv(routes_, reply, sizeof reply, 0);
  const auto* header = reinterpret_cast<const nlmsghdr*>(reply);
  if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(rtmsg)))) return true;
  // Without a route, connect(2) says so.
  if (header->nlmsg_type != RTM_NEWROUTE) return false;
  const auto type = static_cast<const rtmsg*>(NLMSG_DATA(header))->rtm_type;
  return type == RTN_LOCAL || type == RTN_ANYCAST || type == RTN_BROADCAST;
}

void TcpOut::step() {
  epoll_event events[kEvents];
  const int count = ::epoll_wait(epoll_, events, kEvents, 0);
  for (int i = 0; i < count; i++) {
    void* what = events[i].data.ptr;
    if (what == &gate_) readGate();
    else if (what == &listener_) accept();
    else handle(*static_cast<End*>(what), events[i].events);
  }
  closed_.clear();
  if (connecting_ + offered_ > 0 && expired_ != now()) expire();
}

void TcpOut::readGate() {
  uint8_t packet[kPacket];
  for (int i = 0; i < kEvents; i++) {
    const ssize_t length = ::read(gate_, packet, sizeof packet);
    if (length < 0) return;
    Syn syn;
    if (!parseSyn(packet, static_cast<size_t>(length), syn)) continue;
    std::string key = connectionKey(syn.from, syn.to);
    const auto known = byKey_.find(key);
    if (known == byKey_.end()) open(std::move(syn), std::move(key));
    else if (known->second->state != State::kConnecting) writeGate(syn.packet);
  }
}

void TcpOut::writeGate(const std::vector<uint8_t>& packet) const {
  // The client repeats a SYN that is lost here.
  if (!packet.empty() && ::write(gate_, packet.data(), packet.size()) < 0) return;
}

void TcpOut::open(Syn syn, std::string key) {
  sockaddr_storage to = syn.to;
  const bool isMachine = v4Of(to) == kMachine;
  const uint16_t port = ntohs(reinterpret_cast<const sockaddr_in&>(to).sin_port);
  if (isMachine && std::find(ports_.begin(), ports_.end(), port) == ports_.end()) {
    return writeGate(refusalOf(syn, ECONNREFUSED));
  }
  const bool isResolver = isResolverAddress(to) && port == kDomain;
  if (isMachine) setAddress(to, "127.0.0.1");
  else if (isResolver ? !setAddress(to, nameserver_.c_str()) : isOwn(to)) return writeGate(refusalOf(syn, EACCES));
  if (connecting_ >= kConnecting || connections_.size() >= limit_) {
    refused_++;
    return;
  }
  Connection& made = connections_.emplace_back();
  made.self = std::prev(connections_.end());
  made.state = State::kConnecting;
  made.since = now();
  made.hasSecond = isMachine;
  made.inner.connection = made.outer.connection = &made;
  made.key = std::move(key);
  made.syn = std::move(syn);
  byKey_[made.key] = &made;
  connecting_++;
  connect(made, to);
}

void TcpOut::connect(Connection& connection, const sockaddr_storage& to) {
  const int socket = ::socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  // The client repeats a SYN that gets no descriptor.
  if (socket < 0) return close(connection, true);
  setOptions(socket);
  setKeepAlive(socket);
  connection.outer.fd = socket;
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), lengthOf(to)) != 0 && errno != EINPROGRESS) {
    return fail(connection, errno);
  }
  watch(connection.outer, EPOLLOUT, false);
}

void TcpOut::fail(Connection& connection, int error) {
  if (connection.state == State::kConnecting && connection.hasSecond) {
    connection.hasSecond = false;
    ::close(connection.outer.fd);
    connection.outer = {&connection};
    sockaddr_storage to = connection.syn.to;
    setAddress(to, "::1");
    return connect(connection, to);
  }
  if (connection.state == State::kConnecting) writeGate(refusalOf(connection.syn, error));
  close(connection, true);
}

void TcpOut::accept() {
  for (int i = 0; i < kEvents; i++) {
    sockaddr_storage from = {}, to = {};
    socklen_t length = sizeof from;
    const int socket =
        ::accept4(listener_, reinterpret_cast<sockaddr*>(&from), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return;
    // The socket has the address that the client has connected to.
    length = sizeof to;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&to), &length);
    const auto found = byKey_.find(connectionKey(from, to));
    if (found == byKey_.end() || found->second->state != State::kOffered) {
      setReset(socket);
      ::close(socket);
      continue;
    }
    setOptions(socket);
    Connection& connection = *found->second;
    setState(connection, State::kOpen);
    connection.inner.fd = socket;
    connection.syn.packet = {};
    watch(connection.inner, EPOLLIN, false);
    watch(connection.outer, EPOLLIN, false);
  }
}

void TcpOut::handle(End& end, uint32_t events) {
  Connection& connection = *end.connection;
  auto& [state, key, syn, since, hasSecond, inner, outer, out, in, self] = connection;
  if (state == State::kClosed) return;
  if ((events & EPOLLERR) != 0) return fail(connection, errorOf(end.fd));
  if (state == State::kConnecting) {
    setState(connection, State::kOffered);
    since = now();
    writeGate(syn.packet);
  }
  if (state == State::kOffered) return watch(outer, 0, false);
  const bool isReadable = (events & EPOLLIN) != 0;
  if (!move(out, inner.fd, outer.fd, isReadable && &end == &inner) ||
      !move(in, outer.fd, inner.fd, isReadable && &end == &outer)) {
    return close(connection, true);
  }
  const bool isOutDone = out.isEnded && out.held == 0;
  const bool isInDone = in.isEnded && in.held == 0;
  if (isOutDone && isInDone) return close(connection, false);
  const auto wanted = [](const Stream& from, const Stream& to) -> uint32_t {
    return (from.isEnded || from.held > 0 ? 0U : EPOLLIN) | (to.held > 0 ? EPOLLOUT : 0U);
  };
  const bool isHungUp = (events & EPOLLHUP) != 0;
  watch(inner, wanted(out, in), isHungUp && &end == &inner);
  watch(outer, wanted(in, out), isHungUp && &end == &outer);
}

bool TcpOut::move(Stream& stream, int from, int to, bool isReadable) {
  constexpr unsigned kFlags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;
  if (stream.held == 0 && !stream.isEnded) {
    if (!takePipe(stream)) return false;
    ssize_t got = ::splice(from, nullptr, stream.pipe[1], nullptr, kMove, kFlags);
    // At urgent data, splice(2) returns EAGAIN or 0, as at the end. recv(2) reads them.
    if (got == 0 || (got < 0 && errno == EAGAIN && isReadable)) got = copy(from, stream.pipe[1]);
    if (got < 0 && errno != EAGAIN) return false;
    stream.isEnded = got == 0;
    if (got > 0) stream.held = static_cast<size_t>(got);
  }
  if (stream.held > 0) {
    const ssize_t put = ::splice(stream.pipe[0], nullptr, to, nullptr, stream.held, kFlags);
    if (put < 0 && errno != EAGAIN) return false;
    if (put > 0) stream.held -= static_cast<size_t>(put);
  }
  if (stream.held > 0) return true;
  if (stream.pipe[0] >= 0) givePipe(stream);
  if (stream.isEnded && !stream.isShut) {
    ::shutdown(to, SHUT_WR);
    stream.isShut = true;
  }
  return true;
}

bool TcpOut::takePipe(Stream& stream) {
  if (pipes_.empty()) {
    if (::pipe2(stream.pipe, O_NONBLOCK | O_CLOEXEC) != 0) return false;
    // The kernel limits the memory of a user's pipes. Further ones keep the default size.
    if (openPipes_++ < kIdlePipes) ::fcntl(stream.pipe[0], F_SETPIPE_SZ, kMove);
  } else {
    stream.pipe[0] = pipes_.back().first;
    stream.pipe[1] = pipes_.back().second;
    pipes_.pop_back();
  }
  return true;
}

void TcpOut::givePipe(Stream& stream) {
  if (stream.held == 0 && pipes_.size() < kIdlePipes) {
    pipes_.emplace_back(stream.pipe[0], stream.pipe[1]);
  } else {
    ::close(stream.pipe[0]);
    ::close(stream.pipe[1]);
    openPipes_--;
  }
  stream.pipe[0] = stream.pipe[1] = -1;
}

void TcpOut::watch(End& end, uint32_t events, bool isHungUp) {
  // epoll reports a hangup for as long as it watches.
  const int operation = isHungUp && events == 0 ? EPOLL_CTL_DEL : end.isWatched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (operation == EPOLL_CTL_MOD && events == end.events) return;
  epoll_event event = {};
  event.events = end.events = events;
  event.data.ptr = &end;
  ::epoll_ctl(epoll_, operation, end.fd, &event);
  end.isWatched = operation != EPOLL_CTL_DEL;
}

void TcpOut::setState(Connection& connection, State state) {
  if (connection.state == State::kConnecting) connecting_--;
  if (connection.state == State::kOffered) offered_--;
  if (state == State::kOffered) offered_++;
  connection.state = state;
}

void TcpOut::close(Connection& connection, bool isReset) {
  setState(connection, State::kClosed);
  for (const End* end : {&connection.inner, &connection.outer}) {
    if (end->fd < 0) continue;
    if (isReset) setReset(end->fd);
    ::close(end->fd);
  }
  for (Stream* stream : {&connection.out, &connection.in}) {
    if (stream->pipe[0] >= 0) givePipe(*stream);
  }
  byKey_.erase(connection.key);
  closed_.splice(closed_.end(), connections_, connection.self);
}

void TcpOut::expire() {
  expired_ = now();
  for (auto each = connections_.begin(); each != connections_.end();) {
    Connection& connection = *each++;
    const time_t age = expired_ - connection.since;
    const bool isOffered = connection.state == State::kOffered;
    if (isOffered && (offered_ > kOffered || age > kOfferPatience)) close(connection, true);
    if (connection.state == State::kConnecting && age > kConnectPatience) close(connection, true);
  }
  closed_.clear();
}

}  // namespace vnet
