// vnet-launch CHANNEL FIRST LAST PROGRAM [ARGS]: installs the filter of `vnet exec`, hands its notification descriptor over
// and becomes PROGRAM. What the filter traps is answered by whoever holds that descriptor; every other call goes on as ever.
//
// CHANNEL is a descriptor of a socket to the supervisor. On it goes a number: the notification descriptor's, which the
// supervisor takes by pidfd_getfd, or -errno when there is no filter. An octet comes back when it may go on; the end of the
// file, when not. After that the channel closes by itself as PROGRAM begins, or carries the errno of the failure to do so.
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
/** Nobody sees it: the supervisor says what went wrong. */
constexpr int kNotLaunched = 125;

/** As both architectures lay them out: the low half of an argument comes first. */
constexpr uint32_t argument(int i) { return static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * i); }

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

/** The notification descriptor, or -errno. `first` to `last` are the numbers of the sockets whose messages are looked at. */
int install(uint32_t first, uint32_t last) {
  // Each part ends in an answer. A call that none is about is allowed whatever its arguments, which the kernel knows before it
  // runs a filter (it keeps a bitmap of such calls), so that it costs nothing.
  sock_filter filter[] = {
      load(offsetof(seccomp_data, arch)),
      // A 32-bit program's calls reach the kernel.
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
  // A caught signal does not interrupt what the supervisor has begun; kernels before 5.19 do not know how.
  unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  for (;;) {
    const long fd = ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno == EINVAL && (flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) != 0) {
      flags &= ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    } else if (errno != EACCES || ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0 ||
               ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
      // Who is not root may filter only what can never gain rights.
      return -errno;
    }
  }
}

bool tell(int channel, int32_t number) { return ::write(channel, &number, sizeof number) == sizeof number; }

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) {
    std::fputs("vnet-launch: is run by `vnet exec`\n", stderr);
    return kNotLaunched;
  }
  const int channel = std::atoi(arguments[1]);
  char** program = arguments + 4;
  if (::fcntl(channel, F_SETFD, FD_CLOEXEC) != 0) return kNotLaunched;
  const int notifications =
      install(static_cast<uint32_t>(std::atoi(arguments[2])), static_cast<uint32_t>(std::atoi(arguments[3])));
  char go = 0;
  if (!tell(channel, notifications) || notifications < 0 || ::read(channel, &go, 1) != 1) return kNotLaunched;
  // Which closes the notification descriptor, too.
  ::execvp(*program, program);
  const int error = errno;
  tell(channel, error);
  return error == ENOENT ? kNotFound : kNotExecutable;
}
