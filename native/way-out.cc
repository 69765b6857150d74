#include "way-out.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace vnet {

namespace {

constexpr int kNotFound = 127;

/** Reads lines up to an empty one. Returns none if the input ends before. */
std::vector<std::string> readRequest() {
  std::string text;
  char part[4096];
  while (text.size() < 2 || text.compare(text.size() - 2, 2, "\n\n") != 0) {
    const ssize_t length = ::read(STDIN_FILENO, part, sizeof part);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return {};
    text.append(part, static_cast<size_t>(length));
  }
  std::vector<std::string> lines;
  for (size_t at = 0; at + 1 < text.size();) {
    const size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
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
  if (request[0] != "-" && !mountNamespace(request[0], request[1])) {
    std::fprintf(stderr, "mount %s: %s\n", request[0].c_str(), std::strerror(errno));
    ::_exit(1);
  }
  std::vector<char*> words;
  for (size_t i = 3; i < request.size(); i++) words.push_back(const_cast<char*>(request[i].c_str()));
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
  const std::vector<std::string> request = readRequest();
  if (request.size() < 4) return 0;
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
  pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {ended, POLLIN, 0}};
  while (child > 0 && ::poll(both, 2, -1) < 0 && errno == EINTR) {
  }
  const bool isEnded = child < 0 || both[1].revents != 0;
  if (child > 0 && !isEnded) ::kill(child, SIGKILL);
  if (child > 0) ::waitpid(child, nullptr, 0);
  if (isEnded) {
    constexpr char kEnded[] = "ended\n";
    if (::write(log, kEnded, sizeof kEnded - 1) < 0) return 1;
  }
  return 0;
}

}  // namespace vnet
