// vnet-rootless NAMESPACES [PROGRAM [ARGS]]: enters new namespaces and executes PROGRAM, looked up
// as by execvp(3). Without PROGRAM it exits with status 0: the namespaces are permitted. If the
// kernel refuses, one line on stderr gives the reason. A process with threads, such as Node, cannot
// enter a user namespace itself.
//
// NAMESPACES is a list with commas of
//   user   a user namespace, in which the caller is root
//   net    a network namespace, in which `lo` is up
//   mount  a mount namespace with its own /run and /sys
//   check  all of these, confined as in confine.h. The words of the command line that are
//          absolute paths remain visible
//   none   no rights in them; with `check` only
//
// vnet-rootless --network PROGRAM [ARGS]: executes PROGRAM with the rights to configure interfaces
// and to open raw sockets, and no others, in the present namespaces.
//
// vnet-rootless --with-parent PID PROGRAM [ARGS]: executes PROGRAM, which is killed when the thread
// that started it ends; PID is its process.
//
// vnet-rootless --execute PROGRAM [ARGS]: executes PROGRAM in the present namespaces.
//
// vnet-rootless --remove-after: see remove-after.h.
//
// vnet-rootless --way-out, vnet-rootless --way-out-aside: see way-out.h.
//
// vnet-rootless --keep-groups PROGRAM [ARGS]: executes PROGRAM in the present namespaces, see
// tcpdump.h.
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "close-on-exec.h"
#include "remove-after.h"
#include "confine.h"
#include "ids.h"
#include "mounts.h"
#include "refusal.h"
#include "tcpdump.h"
#include "way-out.h"

namespace {

constexpr int kFailure = 1;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

constexpr int kCheck = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
/** The standard streams, and one more for results or devices. vnet passes no other descriptors. */
constexpr unsigned kStreams = 4;
/** No flag of unshare(2). */
constexpr int kNone = 1;

/** The flags of unshare(2) for a list of names, and kNone; 0 if one is unknown. */
int flagsOf(char* names) {
  int flags = 0;
  for (const char* name = std::strtok(names, ","); name != nullptr; name = std::strtok(nullptr, ",")) {
    if (std::strcmp(name, "user") == 0) flags |= CLONE_NEWUSER;
    else if (std::strcmp(name, "net") == 0) flags |= CLONE_NEWNET;
    else if (std::strcmp(name, "mount") == 0) flags |= CLONE_NEWNS;
    else if (std::strcmp(name, "check") == 0) flags |= kCheck;
    else if (std::strcmp(name, "none") == 0) flags |= kNone;
    else return 0;
  }
  return flags;
}

/**
 * Brings `lo` up, which is down in a new namespace. Without it the addresses of the namespace's own
 * interfaces are unreachable.
 */
void bringUpLoopback() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  ifreq request = {};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  ::ioctl(fd, SIOCSIFFLAGS, &request);
  ::close(fd);
}

/** Executes a program. If that fails, returns the exit status that a shell would return. */
int execute(char** program) {
  // Node ignores these signals, and a program inherits ignored signals.
  for (const int number : {SIGPIPE, SIGXFSZ}) ::signal(number, SIG_DFL);
  ::execvp(*program, program);
  const int error = errno;
  std::fprintf(stderr, "vnet: %s: %s\n", *program, error == ENOENT ? "not found" : std::strerror(error));
  return error == ENOENT ? kNotFound : kNotExecutable;
}

/** Like execute. The program inherits only the streams. */
int executeAlone(char** program) {
  return vnet::closeOnExec(kStreams, ~0U) == 0 ? execute(program) : kFailure;
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 2 && std::strcmp(arguments[1], vnet::kKeepGroups) == 0) {
    vnet::keepGroups();
    return execute(arguments + 2);
  }
  if (count > 2 && std::strcmp(arguments[1], "--execute") == 0) return execute(arguments + 2);
  if (count == 2 && std::strcmp(arguments[1], vnet::kRemoveAfter) == 0) return vnet::removeAfter();
  if (count == 2 && std::strcmp(arguments[1], vnet::kWayOut) == 0) return vnet::serveWayOut(false);
  if (count == 2 && std::strcmp(arguments[1], vnet::kWayOutAside) == 0) return vnet::serveWayOut(true);
  if (count > 2 && std::strcmp(arguments[1], "--network") == 0) {
    if (vnet::keepRights(vnet::Rights::kNetwork) != 0) return kFailure;
    return executeAlone(arguments + 2);
  }
  if (count > 3 && std::strcmp(arguments[1], "--with-parent") == 0) {
    // The parent may have ended before.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != std::atoi(arguments[2])) return kFailure;
    return executeAlone(arguments + 3);
  }
  const int given = count < 2 ? 0 : flagsOf(arguments[1]);
  const int flags = given & ~kNone;
  if (flags == 0) {
    std::fputs("vnet-rootless: to be run by vnet only\n", stderr);
    return kFailure;
  }
  const bool isUser = (flags & CLONE_NEWUSER) != 0;
  const bool isMount = (flags & CLONE_NEWNS) != 0;
  const char* what = isUser ? "a user namespace" : "namespaces";
  const vnet::Had had = !isUser            ? vnet::Had::kRoot
                        : ::geteuid() != 0 ? vnet::Had::kUser
                        : ::prctl(PR_CAPBSET_READ, CAP_SETFCAP) == 0 ? vnet::Had::kUidOfRootAlone
                                                                     : vnet::Had::kUidOfRoot;
  std::optional<vnet::IdMap> ids;
  if (isUser) ids.emplace();
  if (::unshare(flags) != 0) vnet::refuse(what, errno, had);
  if (ids) {
    if (const int error = ids->apply(); error != 0) vnet::refuse(what, error, had);
  }
  const bool isCheck = (flags & CLONE_NEWPID) != 0;
  if ((flags & CLONE_NEWNET) != 0) bringUpLoopback();
  if (isCheck) {
    if (const int error = vnet::confine({arguments + 2, arguments + count}); error != 0) {
      vnet::refuse("mounts of its own (in Docker, --security-opt systempaths=unconfined)", error, had);
    }
    if (const int error = vnet::keepRights((given & kNone) != 0 ? vnet::Rights::kNone : vnet::Rights::kAll); error != 0) {
      vnet::refuse("a program without rights", error, had);
    }
  } else if (isMount) {
    if (const int error = vnet::makeMounts(); error != 0) vnet::refuse("mounts of its own", error, had);
    if (isUser) vnet::keepTcpdumpRoot(arguments[0]);
  }
  if (count == 2) return 0;
  return isCheck ? executeAlone(arguments + 2) : execute(arguments + 2);
}
