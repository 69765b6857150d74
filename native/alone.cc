#include "alone.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace vnet {

namespace {

/** Signals that stop and continue a job: these processes stop and continue with it. */
constexpr int kJobControl[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};
/** Signals of a terminal reach the program themselves, because it is in the same process group. */
constexpr int kOfKernel = SI_KERNEL;

bool write(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool isWritten = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  ::close(fd);
  errno = error;
  return isWritten;
}

/** Enters a user namespace in which the present ids are `uid` and `gid`. */
bool enterUser(unsigned uid, unsigned gid) {
  const std::string own = std::to_string(::geteuid()), group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  return write("/proc/self/uid_map", std::to_string(uid) + " " + own + " 1") &&
         write("/proc/self/setgroups", "deny") &&
         write("/proc/self/gid_map", std::to_string(gid) + " " + group + " 1");
}

/**
 * Passes signals on to a child, until it ends. Ends with its status. Process 1 (`isFirst`) also
 * reaps processes that have lost their parent.
 */
[[noreturn]] void serve(pid_t child, const sigset_t& signals, bool isFirst) {
  for (;;) {
    siginfo_t info = {};
    const int signal = ::sigwaitinfo(&signals, &info);
    if (signal < 0) continue;
    if (signal != SIGCHLD) {
      if (info.si_code != kOfKernel) ::kill(child, signal);
      continue;
    }
    int status = 0;
    for (pid_t ended; (ended = ::waitpid(isFirst ? -1 : child, &status, WNOHANG)) > 0;) {
      if (ended == child) ::_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
  }
}

/** Forks; the parent serves the child. Returns in the child, or on an error. */
bool splitOff(const sigset_t& signals, bool isFirst) {
  // Its end shows that the parent has ended before its death could have a signal.
  int alive[2];
  if (::pipe2(alive, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  const pid_t child = ::fork();
  if (child < 0) return false;
  ::close(alive[child > 0 ? 0 : 1]);
  if (child > 0) serve(child, signals, isFirst);
  char byte;
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
  if (::read(alive[0], &byte, 1) == 0) ::_exit(128 + SIGKILL);
  ::close(alive[0]);
  return true;
}

}  // namespace

const char* becomeAlone(const char* text) {
  unsigned uid = 0, gid = 0;
  int end = 0;
  if (std::sscanf(text, "%u:%u:%n", &uid, &gid, &end) != 2 || end == 0) {
    errno = EINVAL;
    return "read the user";
  }
  const std::string hidden = text + end;
  if (!hidden.empty() && ::access(hidden.c_str(), F_OK) == 0 &&
      ::mount("vnet", hidden.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY, "mode=700,size=4k") != 0) {
    return "hide the control sockets";
  }
  if ((uid != ::geteuid() || gid != ::getegid()) && !enterUser(uid, gid)) return "enter a user namespace";
  if (::unshare(CLONE_NEWPID) != 0) return "unshare the PID namespace";
  sigset_t signals, before;
  ::sigfillset(&signals);
  for (const int signal : kJobControl) ::sigdelset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  if (!splitOff(signals, false)) return "fork";
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return "mount /proc";
  if (!splitOff(signals, true)) return "fork";
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return nullptr;
}

}  // namespace vnet
