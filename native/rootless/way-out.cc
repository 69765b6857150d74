#include "way-out.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "close-on-exec.h"
#include "tcp-out.h"

namespace vnet {

namespace {

constexpr int kNotFound = 127;

/** The longest request, and the descriptors that come with it: the gate and the listener. */
constexpr size_t kRequest = 1 << 16;
constexpr int kDescriptors = 2;
/** Milliseconds between two looks for connections that no client accepts. */
constexpr int kExpire = 10'000;

struct Request {
  std::vector<std::string> lines;
  int descriptors[kDescriptors] = {-1, -1};
};

/** Receives one request. Its lines are empty if the other end is closed before. */
Request receiveRequest() {
  Request request;
  std::vector<char> text(kRequest);
  iovec part = {text.data(), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof request.descriptors)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t length = 0;
  do length = ::recvmsg(STDIN_FILENO, &message, MSG_CMSG_CLOEXEC);
  while (length < 0 && errno == EINTR);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof request.descriptors)) {
    std::memcpy(request.descriptors, CMSG_DATA(header), sizeof request.descriptors);
  }
  for (const char* at = text.data(); length > 0 && at < text.data() + length;) {
    const char* end = std::find(at, static_cast<const char*>(text.data() + length), '\n');
    request.lines.emplace_back(at, end);
    at = end + 1;
  }
  return request;
}

/** Returns the ports of a list with commas. */
std::vector<uint16_t> portsOf(const std::string& list) {
  std::vector<uint16_t> ports;
  for (const char* at = list.c_str(); *at != '\0';) {
    char* end;
    ports.push_back(static_cast<uint16_t>(std::strtoul(at, &end, 10)));
    at = *end == ',' ? end + 1 : "";
  }
  return ports;
}

/** A connection takes up to six descriptors. */
void raiseLimit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/** Mounts a namespace on a file, for this process and its children only. */
bool mountNamespace(const std::string& from, const std::string& to) {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) == 0;
}

[[noreturn]] void execute(const std::vector<std::string>& request, int log) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  closeOnExec(STDERR_FILENO + 1, ~0U);
  if (request[0] != "-" && !mountNamespace(request[0], request[1])) {
    std::fprintf(stderr, "mount %s: %s\n", request[0].c_str(), std::strerror(errno));
    ::_exit(1);
  }
  std::vector<char*> words;
  for (size_t i = 5; i < request.size(); i++) words.push_back(const_cast<char*>(request[i].c_str()));
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  std::fprintf(stderr, "%s: %s\n", words[0], std::strerror(errno));
  ::_exit(kNotFound);
}

}  // namespace

int serveWayOut(bool isAside) {
  if (isAside && ::fork() != 0) return 0;
  // A terminal's signals are not for it, and it does not stop with the job.
  ::setsid();
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGCHLD);
  const Request received = receiveRequest();
  const std::vector<std::string>& request = received.lines;
  if (request.size() < 6) return 0;
  const int log = ::open(request[2].c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int ended = ::signalfd(-1, &signals, SFD_CLOEXEC);
  const pid_t own = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != own) ::_exit(1);
    execute(request, log);
  }
  // splice(2) to a socket that the other side has closed raises it.
  ::signal(SIGPIPE, SIG_IGN);
  raiseLimit();
  const auto [gate, listener] = received.descriptors;
  std::optional<TcpOut> tcp;
  if (gate >= 0) tcp.emplace(gate, listener, portsOf(request[3]), request[4]);
  bool isEnded = child < 0;
  size_t refused = 0;
  // Without events, only the end of the input is reported.
  pollfd all[] = {{STDIN_FILENO, 0, 0}, {ended, POLLIN, 0}, {tcp ? tcp->fd() : -1, POLLIN, 0}};
  while (!isEnded && all[0].revents == 0) {
    if (::poll(all, 3, kExpire) < 0 && errno != EINTR) break;
    isEnded = all[1].revents != 0;
    if (tcp) tcp->step();
    if (tcp && tcp->refused() != refused) ::dprintf(log, "refused %zu\n", refused = tcp->refused());
  }
  if (child > 0 && !isEnded) ::kill(child, SIGKILL);
  if (child > 0) ::waitpid(child, nullptr, 0);
  if (isEnded) {
    constexpr char kEnded[] = "ended\n";
    if (::write(log, kEnded, sizeof kEnded - 1) < 0) return 1;
  }
  return 0;
}

}  // namespace vnet
