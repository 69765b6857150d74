// vnet-rootless PROGRAM [ARGS]: enters a new user namespace, in which the caller is root, and a new
// network namespace, and executes PROGRAM. A multi-threaded process such as Node cannot do this
// itself. If it fails, one line on stderr gives the reason.
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kFailure = 1;

/** The number in a file of /proc/sys; -1 if there is none. */
long setting(const char* path) {
  FILE* file = std::fopen(path, "re");
  if (file == nullptr) return -1;
  long value = -1;
  if (std::fscanf(file, "%ld", &value) != 1) value = -1;
  std::fclose(file);
  return value;
}

const char* reason(int error) {
  if (error == ENOSPC || error == EUSERS) {
    if (setting("/proc/sys/user/max_user_namespaces") == 0) return "user.max_user_namespaces is 0 (sysctl)";
    if (setting("/proc/sys/user/max_net_namespaces") == 0) return "user.max_net_namespaces is 0 (sysctl)";
    return "a limit is reached, user.max_user_namespaces or user.max_net_namespaces (sysctl)";
  }
  if (error == EPERM || error == EACCES) {
    if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1) {
      return "AppArmor forbids it (sysctl kernel.apparmor_restrict_unprivileged_userns is 1)";
    }
    if (setting("/proc/sys/kernel/unprivileged_userns_clone") == 0) {
      return "kernel.unprivileged_userns_clone is 0 (sysctl)";
    }
    return "a container's seccomp filter or a chroot forbids it";
  }
  if (error == EINVAL || error == ENOSYS) return "this kernel has no user namespaces";
  return std::strerror(error);
}

[[noreturn]] void fail(int error) {
  std::fprintf(stderr, "vnet: without root it needs a user namespace: %s; otherwise run it with sudo\n",
               reason(error));
  std::exit(kFailure);
}

void put(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  const auto length = static_cast<ssize_t>(std::strlen(text));
  if (fd < 0 || ::write(fd, text, static_cast<size_t>(length)) != length) fail(errno);
  ::close(fd);
}

/** Maps root inside to the caller outside. No other id is mapped. */
void map(const char* path, unsigned id) {
  char text[32];
  std::snprintf(text, sizeof text, "0 %u 1", id);
  put(path, text);
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

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fputs("vnet-rootless: to be run by vnet only\n", stderr);
    return kFailure;
  }
  const unsigned uid = ::geteuid();
  const unsigned gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) fail(errno);
  put("/proc/self/setgroups", "deny");
  map("/proc/self/uid_map", uid);
  map("/proc/self/gid_map", gid);
  bringUpLoopback();
  ::execv(arguments[1], arguments + 1);
  std::fprintf(stderr, "vnet: %s: %s\n", arguments[1], std::strerror(errno));
  return kFailure;
}
