// vnet-launch CHANNEL FIRST LAST PROGRAM [ARGS]: installs the seccomp filter of `vnet exec`, hands
// its notification descriptor to the supervisor, and executes PROGRAM. The supervisor handles the
// calls that the filter traps; all others go to the kernel.
//
// CHANNEL is the descriptor of a socket to the supervisor. The launcher writes the number of the
// notification descriptor to it, which the supervisor takes with pidfd_getfd(2), or -errno if the
// filter could not be installed. It continues when it reads one byte, and exits at the end of the
// stream. Then the channel either closes, because PROGRAM was executed, or carries the errno of
// execvp(3).
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace {

#if defined(__x86_64__)
constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArch = AUDIT_ARCH_AARCH64;
#else
#error "no filter for this architecture"
#endif

constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
/** Not shown to the user: the supervisor reports the error. */
constexpr int kNotLaunched = 125;

/** The offset of the low half of argument i. Both architectures are little-endian. */
constexpr uint32_t argument(int i) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * i);
}

constexpr sock_filter load(uint32_t at) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at); }
constexpr sock_filter unlessEqual(uint32_t value, uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip);
}
constexpr sock_filter ifEqual(uint32_t value, uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, skip, 0);
}
constexpr sock_filter ifBelow(uint32_t value, uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, 0, skip);
}
constexpr sock_filter ifAbove(uint32_t value, uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, value, skip, 0);
}
constexpr sock_filter unlessAbove(uint32_t value, uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, value, 0, skip);
}
constexpr sock_filter kAllow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
constexpr sock_filter kNotify = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);

/**
 * Installs the filter. Returns the notification descriptor or -errno. Messages are trapped on the
 * descriptors `first` to `last`.
 */
int install(uint32_t first, uint32_t last) {
  // Each part of the filter ends in a verdict. All other calls are allowed whatever their
  // arguments. The kernel keeps a bitmap of such calls and does not run the filter for them.
  sock_filter filter[] = {
      load(offsetof(seccomp_data, arch)),
      // Calls of a 32-bit program are not trapped.
      ifEqual(kArch, 1),
      kAllow,
      load(offsetof(seccomp_data, nr)),

      unlessEqual(__NR_ioctl, 7),
      load(argument(1)),
      ifEqual(SIOCSIFMAP, 4),
      ifEqual(SIOCGIFMAP, 3),
      ifBelow(SIOCDEVPRIVATE, 1),
      unlessAbove(SIOCDEVPRIVATE + 15, 1),
      kAllow,
      kNotify,

      unlessEqual(__NR_socket, 6),
      load(argument(0)),
      unlessEqual(AF_NETLINK, 3),
      load(argument(2)),
      unlessEqual(NETLINK_GENERIC, 1),
      kNotify,
      kAllow,

      ifEqual(__NR_sendmsg, 12),
      ifEqual(__NR_sendto, 11),
      ifEqual(__NR_sendmmsg, 10),
      ifEqual(__NR_recvmsg, 9),
      ifEqual(__NR_recvfrom, 8),
      ifEqual(__NR_recvmmsg, 7),
      ifEqual(__NR_setsockopt, 6),
      ifEqual(__NR_read, 5),
      ifEqual(__NR_readv, 4),
      ifEqual(__NR_preadv2, 3),
      ifEqual(__NR_write, 2),
      ifEqual(__NR_writev, 1),
      kAllow,
      load(argument(0)),
      ifBelow(first, 2),
      ifAbove(last, 1),
      kNotify,
      kAllow,
  };
  const sock_fprog program = {sizeof filter / sizeof *filter, filter};
  // WAIT_KILLABLE_RECV: a signal with a handler does not interrupt a call once the supervisor has
  // received it. Linux 5.19 and later.
  unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  for (;;) {
    const long fd = ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno == EINVAL && (flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) != 0) {
      flags &= ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    } else if (errno != EACCES || ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0 ||
               ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
      // Without CAP_SYS_ADMIN, a filter takes no_new_privs.
      return -errno;
    }
  }
}

bool send(int channel, int32_t number) {
  return ::write(channel, &number, sizeof number) == sizeof number;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) {
    std::fputs("vnet-launch: to be run by `vnet exec` only\n", stderr);
    return kNotLaunched;
  }
  const int channel = std::atoi(arguments[1]);
  char** program = arguments + 4;
  if (::fcntl(channel, F_SETFD, FD_CLOEXEC) != 0) return kNotLaunched;
  const auto first = static_cast<uint32_t>(std::atoi(arguments[2]));
  const auto last = static_cast<uint32_t>(std::atoi(arguments[3]));
  const int notifications = install(first, last);
  char go = 0;
  if (!send(channel, notifications) || notifications < 0 || ::read(channel, &go, 1) != 1) {
    return kNotLaunched;
  }
  // Closes the channel and the notification descriptor, too.
  ::execvp(*program, program);
  const int error = errno;
  send(channel, error);
  return error == ENOENT ? kNotFound : kNotExecutable;
}
