#include "host-init.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "host-disk.h"
#include "stopped.h"

namespace vnet {

namespace {

/** Milliseconds in which all programs must have stopped or ended, and between two looks at them. */
constexpr int kLimit = 5000, kPause = 1;

/** A launcher, and its program once it is registered. */
struct Launched {
  int socket;
  pid_t pid;
  /** Whether it waits for the end of a pause. */
  bool isWaiting;
};

struct Init {
  /** Sockets of the parent and of launchers, and a descriptor that reads SIGCHLD. */
  int control, listener, children;
  HostDisk disk;
  /** Whether /proc shows this PID namespace only. */
  bool hasOwnProc = false;
  bool isPaused = false;
  int kills = 0;
  std::vector<Launched> launched = {};
};

/** Sends `what`, with errno if it is not 0. */
void reply(int socket, int error, const std::string& what) {
  const std::string text = std::to_string(error) + " " + what;
  ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
}

/** Sends what failed, and ends. */
[[noreturn]] void failTo(int socket, const char* what) {
  reply(socket, errno, what);
  ::_exit(1);
}

void tell(const Launched& each, int message) { ::send(each.socket, &message, sizeof message, MSG_NOSIGNAL); }

/** Calls `isDone` until it returns true. Returns false, with errno, if that takes too long. */
template <typename F>
bool waitUntil(F isDone) {
  const timespec pause = {0, kPause * 1000000};
  for (int waited = 0; waited < kLimit; waited += kPause) {
    if (isDone()) return true;
    ::nanosleep(&pause, nullptr);
  }
  errno = ETIMEDOUT;
  return false;
}

const char* stopAll(Init& init) {
  init.isPaused = true;
  const auto stop = [&] {
    // Repeated for processes that launchers fork meanwhile.
    ::kill(-1, SIGSTOP);
    return areOthersStopped(init.hasOwnProc);
  };
  return waitUntil(stop) ? nullptr : "stop the programs";
}

const char* continueAll(Init& init) {
  init.isPaused = false;
  ::kill(-1, SIGCONT);
  for (Launched& each : init.launched) {
    if (each.isWaiting) tell(each, kStarted);
    each.isWaiting = false;
  }
  return nullptr;
}

/** Makes new shared memory: none of /dev/shm or of shmget(2). */
const char* renewMemory() {
  if (::unshare(CLONE_NEWIPC) != 0) return "unshare the IPC namespace";
  ::umount2("/dev/shm", MNT_DETACH);
  const bool isMounted = ::mount("vnet", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") == 0;
  return isMounted || errno == ENOENT ? nullptr : "mount /dev/shm";
}

void forget(Init& init, size_t i) {
  ::close(init.launched[i].socket);
  init.launched.erase(init.launched.begin() + static_cast<std::ptrdiff_t>(i));
}

/** Reads a message of a launcher. Returns false if the queue is empty. */
bool hear(Init& init, size_t i) {
  Launched& from = init.launched[i];
  Registration message = {0, 0};
  const ssize_t length = ::recv(from.socket, &message, sizeof message, MSG_DONTWAIT);
  if (length < 0) return false;
  if (length == 0) {
    // The launcher was killed.
    if (from.pid != 0) ::kill(from.pid, SIGKILL);
    forget(init, i);
  } else if (from.pid != 0) {
    // A signal.
    ::kill(from.pid, message.pid);
  } else if (message.kills != kAnyKills && message.kills != init.kills) {
    tell(from, SIGKILL);
    forget(init, i);
  } else {
    from.pid = message.pid;
    from.isWaiting = init.isPaused;
    if (!from.isWaiting) tell(from, kStarted);
  }
  return true;
}

/** Accepts launchers and reads their messages. */
void hearAll(Init& init) {
  for (int fd; (fd = ::accept4(init.listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    init.launched.push_back({fd, 0, false});
  }
  for (size_t i = init.launched.size(); i-- > 0;) {
    while (i < init.launched.size() && hear(init, i)) continue;
  }
}

/** Waits for programs that have ended, and for the processes that they have left. */
void reap(Init& init) {
  for (;;) {
    siginfo_t info = {};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    // A program is registered before it can be adopted.
    hearAll(init);
    int status = 0;
    ::waitpid(info.si_pid, &status, 0);
    for (size_t i = init.launched.size(); i-- > 0;) {
      if (init.launched[i].pid != info.si_pid) continue;
      tell(init.launched[i], status);
      forget(init, i);
    }
  }
}

const char* killAll(Init& init) {
  init.kills++;
  init.isPaused = false;
  const auto isNoneLeft = [&] {
    const bool isNone = ::kill(-1, SIGKILL) != 0 && errno == ESRCH;
    reap(init);
    return isNone;
  };
  return waitUntil(isNoneLeft) ? renewMemory() : "kill the programs";
}

const char* obey(Init& init, char command) {
  switch (command) {
    case 's': return stopAll(init);
    case 'c': return continueAll(init);
    case 'k': return killAll(init);
    case 'f': return resizeDisk(init.disk, true);
    case 'd': return resizeDisk(init.disk, false);
    default: errno = EINVAL; return "read a command";
  }
}

/** Returns a socket that launchers connect to, or -1. */
int listenForLaunchers() {
  const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, kInitName, sizeof kInitName - 1);
  const socklen_t length = offsetof(sockaddr_un, sun_path) + sizeof kInitName;
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0) return -1;
  return ::listen(fd, SOMAXCONN) == 0 ? fd : -1;
}

/** Is process 1. */
[[noreturn]] void serve(Init init) {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  init.children = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  init.listener = listenForLaunchers();
  if (init.children < 0 || init.listener < 0) failTo(init.control, "listen for programs");
  // The present /proc has the process ids of the parent.
  char pid[16] = {};
  if (::readlink("/proc/self", pid, sizeof pid - 1) < 0) failTo(init.control, "readlink /proc/self");
  // Refused where a part of the present one is hidden.
  init.hasOwnProc = ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
  reply(init.control, 0, pid);
  for (;;) {
    std::vector<pollfd> polled;
    for (const int fd : {init.control, init.listener, init.children}) polled.push_back({fd, POLLIN, 0});
    for (const Launched& each : init.launched) polled.push_back({each.socket, POLLIN, 0});
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    signalfd_siginfo info;
    while (::read(init.children, &info, sizeof info) == sizeof info) continue;
    hearAll(init);
    reap(init);
    if (polled[0].revents == 0) continue;
    char command;
    if (::recv(init.control, &command, 1, 0) != 1) ::_exit(0);
    const char* what = obey(init, command);
    reply(init.control, what == nullptr ? 0 : errno, what == nullptr ? "" : what);
  }
}

}  // namespace

int runHostInit(char** arguments) {
  const int nsfd = std::atoi(arguments[1]), socket = std::atoi(arguments[2]);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) failTo(socket, "prctl");
  // The parent may have ended before.
  if (::getppid() != std::atoi(arguments[0])) return 1;
  const std::string etc = arguments[3];
  const Init init = {socket, -1, -1, {etc + ".disk", std::strtoull(arguments[4], nullptr, 10)}};
  if (::setns(nsfd, CLONE_NEWNET) != 0) failTo(socket, "enter the network namespace");
  ::close(nsfd);
  if (::unshare(CLONE_NEWNS | CLONE_NEWPID) != 0) failTo(socket, "unshare the PID namespace");
  if (::mount("", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) failTo(socket, "mount /");
  if (const char* what = renewMemory(); what != nullptr) failTo(socket, what);
  if (const char* what = mountDisk(init.disk, etc); what != nullptr) failTo(socket, what);
  if (::chdir("/") != 0) failTo(socket, "chdir");
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  const pid_t first = ::fork();
  if (first < 0) failTo(socket, "fork");
  if (first == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(init);
  }
  ::close(socket);
  ::waitpid(first, nullptr, 0);
  return 0;
}

}  // namespace vnet
