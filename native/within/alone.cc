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
#include <cstring>
#include <string>

namespace vnet {

namespace {

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
 * Forks a process that is killed when this one ends, and waits until a byte is written to `go`.
 * Returns its id, 0 in it, and -1 on an error.
 */
pid_t forkAlong(int& go) {
  int both[2];
  if (::pipe2(both, O_CLOEXEC) != 0) return -1;
  const pid_t child = ::fork();
  ::close(both[child == 0 ? 1 : 0]);
  go = both[1];
  if (child != 0) return child;
  char byte;
  // The pipe ends if the parent has ended before its death could have a signal.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::read(both[0], &byte, 1) != 1) ::_exit(128 + SIGKILL);
  ::close(both[0]);
  return 0;
}

/** Is process 1, which adopts processes. They leave no zombies, because it ignores SIGCHLD. */
[[noreturn]] void reap() {
  ::signal(SIGCHLD, SIG_IGN);
  for (;;) ::pause();
}

/** Makes the process of forkAlong continue. */
bool start(int go) {
  const bool isWritten = ::write(go, "", 1) == 1;
  ::close(go);
  return isWritten;
}

/** Ends with the status of the program, after all that it has started. */
[[noreturn]] void finish(pid_t first, int status) {
  ::kill(first, SIGKILL);
  ::waitpid(first, nullptr, 0);
  ::_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/**
 * Passes signals of the parent on to the program, until it ends. Reports to the parent by SIGCHLD
 * that the program has stopped, and makes the parent continue with it.
 */
[[noreturn]] void serve(pid_t first, pid_t program, const sigset_t& signals) {
  const pid_t parent = ::getppid();
  bool isStopped = false;
  for (;;) {
    siginfo_t info = {};
    const int signal = ::sigwaitinfo(&signals, &info);
    int status = 0;
    while (::waitpid(program, &status, WNOHANG | WUNTRACED | WCONTINUED) > 0) {
      isStopped = WIFSTOPPED(status);
      if (!isStopped && !WIFCONTINUED(status)) finish(first, status);
      ::kill(parent, isStopped ? SIGCHLD : SIGCONT);
    }
    // Signals of a terminal reach the program itself, because it is in the same process group.
    if (signal < 0 || signal == SIGCHLD || info.si_code == SI_KERNEL) continue;
    // A shell continues its job, and a program may stop it, by a signal to the process group.
    const bool isOfJob = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU || signal == SIGCONT;
    if (isOfJob && info.si_pid != parent) continue;
    if (signal != SIGCONT || isStopped) ::kill(program, signal);
  }
}

}  // namespace

const char* becomeAlone(const char* text) {
  unsigned uid = 0, gid = 0;
  int end = 0;
  if (std::sscanf(text, "%u:%u:%n", &uid, &gid, &end) != 2 || end == 0) {
    errno = EINVAL;
    return "read the user";
  }
  const bool isMapped = text[end] != '\0';
  for (const char* at = text + end; *at != '\0';) {
    const std::string hidden(at, std::strcspn(at, "\n"));
    if (::mount("vnet", hidden.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY, "mode=700,size=4k") != 0) {
      return "hide the control sockets";
    }
    at += hidden.size();
    if (*at == '\n') at++;
  }
  if (isMapped && !enterUser(uid, gid)) return "enter a user namespace";
  if (::unshare(CLONE_NEWPID) != 0) return "unshare the PID namespace";
  sigset_t signals, before;
  ::sigfillset(&signals);
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  int go = -1;
  const pid_t first = forkAlong(go);
  if (first == 0) reap();
  if (first < 0 || !start(go)) return "fork";
  const pid_t program = forkAlong(go);
  if (program < 0) return "fork";
  if (program > 0) {
    // Signals of a terminal may have arrived before the program was in the process group.
    sigset_t early = signals;
    ::sigdelset(&early, SIGCHLD);
    const timespec now = {};
    for (int signal; (signal = ::sigtimedwait(&early, nullptr, &now)) > 0;) ::kill(program, signal);
    start(go);
    serve(first, program, signals);
  }
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    // The kernel refuses it where a part of the present one is hidden.
    return "mount /proc (in a container, docker run --security-opt systempaths=unconfined or podman run --security-opt unmask=ALL)";
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return nullptr;
}

}  // namespace vnet
