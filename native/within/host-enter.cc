#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <string>
#include <utility>

#include "host-init.h"

namespace vnet {

namespace {

/** Returns a socket to the init, and sets its process id. Returns -1 on an error. */
int connectToInit(pid_t& init) {
  const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, kInitName, sizeof kInitName - 1);
  const socklen_t length = offsetof(sockaddr_un, sun_path) + sizeof kInitName;
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0) return -1;
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  init = peer.pid;
  return fd;
}

/** Enters the namespaces of the init, in the same directory. The PID namespace is for children. */
const char* enterNamespaces(pid_t init) {
  const std::string process = "/proc/" + std::to_string(init);
  char directory[PATH_MAX];
  if (::getcwd(directory, sizeof directory) == nullptr) return "getcwd";
  const int root = ::open((process + "/root").c_str(), O_PATH | O_CLOEXEC);
  if (root < 0) return "open the root of the host";
  int kinds[] = {CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWNS}, fds[3], count = 0;
  for (const char* name : {"pid", "ipc", "mnt"}) {
    fds[count++] = ::open((process + "/ns/" + name).c_str(), O_RDONLY | O_CLOEXEC);
  }
  for (int i = 0; i < count; i++) {
    if (fds[i] < 0 || ::setns(fds[i], kinds[i]) != 0) return "enter the namespaces of the host";
    ::close(fds[i]);
  }
  // setns(2) leaves a chroot(2).
  if (::fchdir(root) != 0 || ::chroot(".") != 0) return "enter the root of the host";
  ::close(root);
  return ::chdir(directory) == 0 ? nullptr : "enter the working directory";
}

/**
 * Forks the process of the program, which the init adopts and waits for, and registers it. Returns
 * true in it when it may start. In this process, returns false, and sets `go`, to which a byte is
 * written to make it start, or to -1 on an error, with errno.
 */
bool forkAdopted(int init, int kills, int& go) {
  int both[2];
  go = -1;
  if (::pipe2(both, O_CLOEXEC) != 0) return false;
  const pid_t between = ::fork();
  if (between == 0) {
    const pid_t program = ::fork();
    if (program != 0) {
      const Registration registration = {program, kills};
      const bool isSent = program > 0 && ::send(init, &registration, sizeof registration, MSG_NOSIGNAL) > 0;
      ::_exit(isSent ? 0 : errno);
    }
    ::close(both[1]);
    char byte;
    // The pipe ends if the launcher does.
    if (::read(both[0], &byte, 1) != 1) ::_exit(128 + SIGKILL);
    ::close(both[0]);
    return true;
  }
  ::close(both[0]);
  int status = 0;
  if (between < 0 || ::waitpid(between, &status, 0) != between) return false;
  if (status == 0) {
    go = both[1];
  } else {
    // The process between ends with the errno of what failed.
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
  }
  return false;
}

/** Closes all other descriptors, so that pipes of the program end when it closes them. */
void keepOnly(int first, int second) {
#ifdef SYS_close_range
  const unsigned low = first < second ? first : second, high = first < second ? second : first;
  if (low > 0) ::syscall(SYS_close_range, 0U, low - 1, 0U);
  if (high > low + 1) ::syscall(SYS_close_range, low + 1, high - 1, 0U);
  ::syscall(SYS_close_range, high + 1, ~0U, 0U);
#endif
}

/** Ends like a process with this status of waitpid(2). */
[[noreturn]] void endAs(int status) {
  if (WIFEXITED(status)) ::_exit(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const rlimit none = {0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::signal(number, SIG_DFL);
  ::raise(number);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, number);
  ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  ::_exit(128 + number);
}

/** Passes signals on to the program, until it ends. All signals are blocked. */
[[noreturn]] void launch(int init, int go, const sigset_t& signals) {
  keepOnly(init, go);
  const int fd = ::signalfd(-1, &signals, SFD_CLOEXEC);
  pollfd polled[] = {{init, POLLIN, 0}, {fd, POLLIN, 0}};
  for (;;) {
    if (::poll(polled, 2, -1) < 0) continue;
    signalfd_siginfo info;
    // Before the end of the program: a signal that has arrived may have been for it.
    if (polled[1].revents != 0 && ::read(fd, &info, sizeof info) == sizeof info) {
      const int number = static_cast<int>(info.ssi_signo);
      // Signals of a terminal reach the program itself, because it is in the same process group.
      if (number != SIGCHLD && info.ssi_code != SI_KERNEL) ::send(init, &number, sizeof number, MSG_NOSIGNAL);
    }
    if (polled[0].revents == 0) continue;
    int message = 0;
    // The init ends together with all programs.
    if (::recv(init, &message, sizeof message, 0) != sizeof message) endAs(SIGKILL);
    if (message != kStarted) endAs(message);
    if (::write(go, "", 1) != 1) endAs(SIGKILL);
  }
}

}  // namespace

const char* enterHost(int kills) {
  pid_t first = 0;
  const int init = connectToInit(first);
  if (init < 0) return "reach the init of the host";
  if (const char* what = enterNamespaces(first); what != nullptr) return what;
  sigset_t signals, before;
  ::sigfillset(&signals);
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  int go = -1;
  const bool isProgram = forkAdopted(init, kills, go);
  if (!isProgram && go >= 0) launch(init, go, signals);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return isProgram ? nullptr : "fork";
}

}  // namespace vnet
