#include "sys.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "args.h"
#include "close-on-exec.h"
#include "environment.h"
#include "netns.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
// musl lacks these (include/uapi/asm-generic/ioctl.h).
#ifndef _IOC_SIZE
#define _IOC_SIZEBITS 14
#define _IOC_SIZE(request) (((request) >> 16) & 0x3fff)
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

namespace vnet {

namespace {

constexpr double kNanosecondsPerSecond = 1e9;
/** Elements of the `meta` array of recvmsg. */
constexpr size_t kRecvMeta = 3;
/** Returns a descriptor of the interface's namespace, like SIOCGSKNS of a socket's. */
constexpr uint32_t kTunGetDevNetns = 0x54e3;  // TUNGETDEVNETNS, _IO('T', 227)

/** Descriptors that one message carries at most (SCM_MAX_FD, include/net/scm.h). */
constexpr size_t kMessageDescriptors = 253;

/** Makes one system call in the network namespace that `nsfd` refers to (-1: the thread's own). */
template <typename Call>
int inNamespace(int nsfd, Call call) {
  const NetnsVisit visit(nsfd);
  return visit.error() != 0 ? visit.error() : uninterrupted(call);
}

/**
 * Aborts the process if `value` is not 0: the thread would continue with another user's
 * credentials.
 */
void regain(long value) {
  if (value == 0) return;
  napi_fatal_error("vnet", NAPI_AUTO_LENGTH, "cannot regain the thread's own credentials",
                   NAPI_AUTO_LENGTH);
}

/** A thread's effective, permitted and inheritable capabilities, in the format of capget(2). */
struct Capabilities {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

  bool get() { return ::syscall(SYS_capget, &header, data) == 0; }
  long set() { return ::syscall(SYS_capset, &header, data); }
  /** Sets the effective capabilities to the permitted ones of `effective`. */
  long setEffective(uint64_t effective) {
    for (uint32_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
      data[i].effective = static_cast<uint32_t>(effective >> (32 * i)) & data[i].permitted;
    }
    return set();
  }
};

/** Effective uid, gid and capabilities, and supplementary groups. */
struct Credentials {
  uint32_t uid;
  uint32_t gid;
  const gid_t* groups = nullptr;
  size_t groupCount = 0;
  uint64_t capabilities = 0;
};

/**
 * Makes one system call with the credentials of another user, and restores the thread's own.
 * Returns -1 and errno on failure. Uses system calls because libc's functions change the
 * credentials of all threads.
 */
template <typename Call>
long asUser(const Credentials& user, Call call) {
  constexpr uint32_t kKeep = UINT32_MAX;
  const uint32_t ownUid = ::geteuid();
  const uint32_t ownGid = ::getegid();
  Capabilities own;
  std::vector<gid_t> groups(static_cast<size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  if (count < 0 || !own.get() || ::syscall(SYS_setgroups, user.groupCount, user.groups) != 0) return -1;
  Capabilities changed = own;
  long value = -1;
  if (::syscall(SYS_setresgid, kKeep, user.gid, kKeep) == 0 &&
      ::syscall(SYS_setresuid, kKeep, user.uid, kKeep) == 0 &&
      changed.setEffective(user.capabilities) == 0) {
    value = call();
  }
  const int error = errno;
  regain(::syscall(SYS_setresuid, kKeep, ownUid, kKeep));
  // Becoming root again may have raised more capabilities than the thread had, so restore them now.
  // The groups are restored last: setting them takes a capability.
  regain(own.set());
  regain(::syscall(SYS_setresgid, kKeep, ownGid, kKeep));
  regain(::syscall(SYS_setgroups, count, groups.data()));
  errno = error;
  return value;
}

socklen_t lengthOf(Bytes bytes) { return static_cast<socklen_t>(bytes.length); }

sockaddr* addressOf(Bytes bytes) { return reinterpret_cast<sockaddr*>(bytes.data); }

/** Receives a message, and its ancillary data in `control`. Returns its bytes or -errno. */
template <size_t size>
int receive(int fd, Bytes into, uint8_t (&control)[size], int flags, msghdr& message) {
  iovec part = {into.data, into.length};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = size;
  const int bytes = uninterrupted([&] { return ::recvmsg(fd, &message, flags); });
  message.msg_iov = nullptr;
  message.msg_iovlen = 0;
  if (bytes < 0) message.msg_controllen = 0;
  return bytes;
}

OpenFds& openFds(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<Environment>()->fds;
}

constexpr int kEndingSignals[] = {SIGINT, SIGTERM};

/** Raises a signal with its default action. */
void raiseDefault(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t just;
  sigemptyset(&just);
  sigaddset(&just, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &just, nullptr);
  ::raise(signal);
}

void endBy(int signal) {
  raiseDefault(signal);
  // The first process of a pid namespace does not end by its own signals.
  ::_exit(128 + signal);
}

}  // namespace

Napi::Value Open(const Napi::CallbackInfo& info) {
  Args args(info);
  char path[PATH_MAX];
  args.string(0, path);
  const int flags = args.integer<int32_t>(1);
  const int nsfd = args.fd(2);
  if (!args.ok()) return result(info, -EINVAL);
  const int fd = inNamespace(nsfd, [&] { return ::open(path, flags | O_CLOEXEC, 0600); });
  return result(info, openFds(info).add(fd));
}

Napi::Value Socket(const Napi::CallbackInfo& info) {
  Args args(info);
  const int domain = args.integer<int32_t>(0);
  const int type = args.integer<int32_t>(1);
  const int protocol = args.integer<int32_t>(2);
  const int nsfd = args.fd(3);
  if (!args.ok()) return result(info, -EINVAL);
  const int fd = inNamespace(nsfd, [&] { return ::socket(domain, type | SOCK_CLOEXEC, protocol); });
  return result(info, openFds(info).add(fd));
}

Napi::Value SocketAs(const Napi::CallbackInfo& info) {
  Args args(info);
  const int domain = args.integer<int32_t>(0);
  const int type = args.integer<int32_t>(1);
  const int protocol = args.integer<int32_t>(2);
  const int nsfd = args.fd(3);
  const auto uid = args.integer<uint32_t>(4);
  const auto gid = args.integer<uint32_t>(5);
  size_t count = 0;
  const int32_t* groups = args.int32s(6, 0, count);
  const uint64_t capabilities = args.uint64(7);
  if (!args.ok() || uid == UINT32_MAX || gid == UINT32_MAX) return result(info, -EINVAL);
  const Credentials user = {uid, gid, reinterpret_cast<const gid_t*>(groups), count, capabilities};
  const auto open = [&] { return ::socket(domain, type | SOCK_CLOEXEC, protocol); };
  const int fd = inNamespace(nsfd, [&] { return asUser(user, open); });
  return result(info, openFds(info).add(fd));
}

Napi::Value SocketPair(const Napi::CallbackInfo& info) {
  Args args(info);
  const auto type = args.integer<int32_t>(0);
  int32_t* pair = args.int32s(1, 2);
  if (!args.ok()) return result(info, -EINVAL);
  int made[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, made) != 0) return result(info, -errno);
  for (size_t i = 0; i < 2; i++) pair[i] = openFds(info).add(made[i]);
  return result(info, 0);
}

Napi::Value Close(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  if (!args.ok()) return result(info, -EINVAL);
  openFds(info).remove(fd);
  if (!OwnedFds::erase(fd)) return result(info, -EBADF);
  // Not repeated on EINTR: on Linux the descriptor is closed even then (close(2)).
  return result(info, ::close(fd) == 0 || errno == EINTR ? 0 : -errno);
}

Napi::Value Adopt(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  if (!args.ok()) return result(info, -EINVAL);
  return result(info, openFds(info).adopt(fd));
}

Napi::Value Release(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  if (!args.ok()) return result(info, -EINVAL);
  openFds(info).remove(fd);
  return result(info, OwnedFds::erase(fd) ? 0 : -EBADF);
}

Napi::Value Ioctl(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const auto request = args.integer<uint32_t>(1);
  if (args.isNumber(2)) {
    const auto value = args.integer<int64_t>(2);
    if (!args.ok()) return result(info, -EINVAL);
    const auto number = static_cast<unsigned long>(value);
    const int returned = uninterrupted([&] { return ::ioctl(fd, request, number); });
    const bool opens = request == kTunGetDevNetns || request == SIOCGSKNS;
    return result(info, opens ? openFds(info).add(returned) : returned);
  }
  const Bytes arg = args.bytes(2);
  const bool hasData = info.Length() > 3 && !info[3].IsUndefined();
  const Bytes data = hasData ? args.bytes(3) : Bytes{};
  if (!args.ok()) return result(info, -EINVAL);
  // The kernel writes as many bytes as the request defines, whatever the length of the array. Most
  // requests encode their size; the others may write any number. The copy is large enough for all,
  // so a short array does not overflow.
  alignas(16) uint8_t copy[1 << _IOC_SIZEBITS];
  if (arg.length > sizeof copy) return result(info, -EINVAL);
  const size_t encoded = _IOC_SIZE(request) == 0 ? sizeof copy : _IOC_SIZE(request);
  if (arg.length > 0) memcpy(copy, arg.data, arg.length);
  if (encoded > arg.length) memset(copy + arg.length, 0, encoded - arg.length);
  // The size of the data at ifr_data is encoded nowhere.
  alignas(16) uint8_t behind[sizeof copy];
  if (data.length > sizeof behind) return result(info, -EINVAL);
  if (hasData) {
    if (data.length > 0) memcpy(behind, data.data, data.length);
    memset(behind + data.length, 0, sizeof behind - data.length);
    const void* const pointer = behind;
    memcpy(copy + offsetof(ifreq, ifr_data), &pointer, sizeof pointer);
  }
  const int value = uninterrupted([&] { return ::ioctl(fd, request, copy); });
  if (data.length > 0) memcpy(data.data, behind, data.length);
  if (arg.length > 0) memcpy(arg.data, copy, arg.length);
  return result(info, value);
}

Napi::Value Bind(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes address = args.bytes(1);
  if (!args.ok()) return result(info, -EINVAL);
  return result(info, uninterrupted([&] { return ::bind(fd, addressOf(address), lengthOf(address)); }));
}

Napi::Value Listen(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const int backlog = args.integer<int32_t>(1);
  if (!args.ok()) return result(info, -EINVAL);
  return result(info, uninterrupted([&] { return ::listen(fd, backlog); }));
}

Napi::Value Accept(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  if (!args.ok()) return result(info, -EINVAL);
  const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  const int accepted = uninterrupted([&] { return ::accept4(fd, nullptr, nullptr, flags); });
  return result(info, openFds(info).add(accepted));
}

Napi::Value Connect(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes to = args.bytes(1);
  if (!args.ok()) return result(info, -EINVAL);
  return result(info, uninterrupted([&] { return ::connect(fd, addressOf(to), lengthOf(to)); }));
}

Napi::Value ConnectAs(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes to = args.bytes(1);
  const auto uid = args.integer<uint32_t>(2);
  const auto gid = args.integer<uint32_t>(3);
  // -1 would mean the current uid or gid.
  if (!args.ok() || uid == UINT32_MAX || gid == UINT32_MAX) return result(info, -EINVAL);
  const auto connect = [&] { return ::connect(fd, addressOf(to), lengthOf(to)); };
  return result(info, uninterrupted([&] { return asUser({uid, gid}, connect); }));
}

Napi::Value GetSockName(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes into = args.bytes(1);
  if (!args.ok()) return result(info, -EINVAL);
  socklen_t length = lengthOf(into);
  const int value = uninterrupted([&] { return ::getsockname(fd, addressOf(into), &length); });
  return result(info, value < 0 ? value : static_cast<int>(length));
}

Napi::Value SetSockOpt(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const int level = args.integer<int32_t>(1);
  const int name = args.integer<int32_t>(2);
  const Bytes value = args.bytes(3);
  if (!args.ok()) return result(info, -EINVAL);
  if (level == SOL_SOCKET && name == SO_ATTACH_FILTER) {
    sock_fprog program = {static_cast<unsigned short>(value.length / sizeof(sock_filter)),
                          reinterpret_cast<sock_filter*>(value.data)};
    return result(info, uninterrupted([&] {
                    return ::setsockopt(fd, level, name, &program, sizeof program);
                  }));
  }
  return result(info, uninterrupted([&] {
                  return ::setsockopt(fd, level, name, value.data, lengthOf(value));
                }));
}

Napi::Value GetSockOpt(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const int level = args.integer<int32_t>(1);
  const int name = args.integer<int32_t>(2);
  const Bytes into = args.bytes(3);
  if (!args.ok()) return result(info, -EINVAL);
  socklen_t length = lengthOf(into);
  const int value = uninterrupted([&] { return ::getsockopt(fd, level, name, into.data, &length); });
  return result(info, value < 0 ? value : static_cast<int>(length));
}

Napi::Value Send(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes data = args.bytes(1);
  const int flags = args.integer<int32_t>(2);
  if (!args.ok()) return result(info, -EINVAL);
  return result(info, uninterrupted([&] {
                  return ::send(fd, data.data, data.length, flags | MSG_NOSIGNAL);
                }));
}

Napi::Value SendTo(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes data = args.bytes(1);
  const int flags = args.integer<int32_t>(2);
  const Bytes to = args.bytes(3);
  if (!args.ok()) return result(info, -EINVAL);
  return result(info, uninterrupted([&] {
                  return ::sendto(fd, data.data, data.length, flags | MSG_NOSIGNAL, addressOf(to),
                                  lengthOf(to));
                }));
}

Napi::Value Recv(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes into = args.bytes(1);
  const int flags = args.integer<int32_t>(2);
  if (!args.ok()) return result(info, -EINVAL);
  return result(info, uninterrupted([&] { return ::recv(fd, into.data, into.length, flags); }));
}

Napi::Value RecvMsg(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes into = args.bytes(1);
  const int flags = args.integer<int32_t>(2);
  int32_t* meta = args.int32s(3, kRecvMeta);
  if (!args.ok()) return result(info, -EINVAL);

  // Large enough for any family. The kernel returns the full length of a truncated address, and
  // sanitizers take all of that for written.
  sockaddr_storage sender = {};
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int)) * 4];
  msghdr message = {};
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  const int bytes = receive(fd, into, control, flags, message);
  if (bytes < 0) return result(info, bytes);

  meta[0] = -1;
  if (sender.ss_family == AF_NETLINK) {
    sockaddr_nl netlink;
    memcpy(&netlink, &sender, sizeof netlink);
    meta[0] = static_cast<int32_t>(netlink.nl_pid);
  }
  meta[1] = -1;
  meta[2] = message.msg_flags;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_NETLINK && header->cmsg_type == NETLINK_LISTEN_ALL_NSID) {
      memcpy(&meta[1], CMSG_DATA(header), sizeof meta[1]);
    } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      // Closes unexpected descriptors.
      for (size_t at = CMSG_LEN(0); at + sizeof(int) <= header->cmsg_len; at += sizeof(int)) {
        int received;
        memcpy(&received, reinterpret_cast<uint8_t*>(header) + at, sizeof received);
        ::close(received);
      }
    }
  }
  return result(info, bytes);
}

Napi::Value RecvDescriptors(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes into = args.bytes(1);
  const int flags = args.integer<int32_t>(2);
  int32_t* found = args.int32s(3, kMessageDescriptors);
  if (!args.ok()) return result(info, -EINVAL);

  alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int) * kMessageDescriptors)];
  msghdr message = {};
  const int bytes = receive(fd, into, control, flags | MSG_CMSG_CLOEXEC, message);

  std::fill_n(found, kMessageDescriptors, -1);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    memcpy(found, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
  }
  for (size_t i = 0; i < kMessageDescriptors; i++) openFds(info).add(found[i]);
  return result(info, bytes);
}

Napi::Value SendDescriptors(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes data = args.bytes(1);
  const int flags = args.integer<int32_t>(2);
  size_t count = 0;
  const int32_t* given = args.int32s(3, 1, count);
  if (!args.ok() || count > kMessageDescriptors) return result(info, -EINVAL);

  alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int) * kMessageDescriptors)] = {};
  iovec part = {data.data, data.length};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * count);
  memcpy(CMSG_DATA(header), given, sizeof(int) * count);
  return result(info, uninterrupted([&] { return ::sendmsg(fd, &message, flags | MSG_NOSIGNAL); }));
}

Napi::Value Poll(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  if (!args.ok()) return result(info, -EINVAL);
  pollfd one = {fd, POLLIN, 0};
  const int count = uninterrupted([&] { return ::poll(&one, 1, 0); });
  return result(info, count < 0 ? count : one.revents);
}

Napi::Value PidfdOpen(const Napi::CallbackInfo& info) {
  Args args(info);
  const auto pid = args.integer<int32_t>(0);
  const auto flags = args.integer<uint32_t>(1);
  if (!args.ok()) return result(info, -EINVAL);
  const int fd = uninterrupted([&] { return ::syscall(SYS_pidfd_open, pid, flags); });
  return result(info, openFds(info).add(fd));
}

Napi::Value PidfdGetfd(const Napi::CallbackInfo& info) {
  Args args(info);
  const int pidfd = args.fd(0);
  const int fd = args.fd(1);
  if (!args.ok()) return result(info, -EINVAL);
  const int own = uninterrupted([&] { return ::syscall(SYS_pidfd_getfd, pidfd, fd, 0U); });
  return result(info, openFds(info).add(own));
}

Napi::Value ProcessVmReadv(const Napi::CallbackInfo& info) {
  Args args(info);
  const auto pid = args.integer<int32_t>(0);
  const uint64_t address = args.uint64(1);
  const Bytes into = args.bytes(2);
  if (!args.ok()) return result(info, -EINVAL);
  const iovec local = {into.data, into.length};
  const iovec remote = {reinterpret_cast<void*>(static_cast<uintptr_t>(address)), into.length};
  return result(info, uninterrupted([&] {
                  return ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
                }));
}

Napi::Value Exec(const Napi::CallbackInfo& info) {
  if (!info[0].IsArray()) return result(info, -EINVAL);
  const auto array = info[0].As<Napi::Array>();
  std::vector<std::string> words;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value word = array.Get(i);
    if (!word.IsString()) return result(info, -EINVAL);
    words.push_back(word.As<Napi::String>().Utf8Value());
  }
  if (words.empty()) return result(info, -EINVAL);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<int> kept = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  if (info.Length() > 1) {
    Args args(info);
    size_t count = 0;
    const int32_t* more = args.int32s(1, 0, count);
    if (!args.ok()) return result(info, -EINVAL);
    kept.insert(kept.end(), more, more + count);
  }
  for (const int fd : kept) {
    // Node sets every descriptor that it was given close-on-exec, and pipes non-blocking for every
    // process that shares them.
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) continue;
    ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    ::fcntl(fd, F_SETFD, 0);
  }
  ::execv(arguments[0], arguments.data());
  return result(info, -errno);
}

Napi::Value CloseOnExec(const Napi::CallbackInfo& info) {
  Args args(info);
  const int first = args.fd(0);
  const int last = args.fd(1);
  if (!args.ok() || first < 0 || last < first) return result(info, -EINVAL);
  return result(info, closeOnExec(static_cast<unsigned>(first), static_cast<unsigned>(last)));
}

Napi::Value EndBySignals(const Napi::CallbackInfo& info) {
  // Signal handlers are the process's.
  static struct sigaction before[std::size(kEndingSignals)];
  Args args(info);
  const auto on = args.integer<int32_t>(0);
  if (!args.ok()) return result(info, -EINVAL);
  struct sigaction ending = {};
  ending.sa_handler = endBy;
  for (size_t i = 0; i < std::size(kEndingSignals); i++) {
    if (on != 0) ::sigaction(kEndingSignals[i], &ending, &before[i]);
    else ::sigaction(kEndingSignals[i], &before[i], nullptr);
  }
  return result(info, 0);
}

Napi::Value EndAs(const Napi::CallbackInfo& info) {
  Args args(info);
  const auto status = args.integer<int32_t>(0);
  const auto signal = args.integer<int32_t>(1);
  if (!args.ok() || signal < 0 || signal > SIGRTMAX) return result(info, -EINVAL);
  if (signal != 0) {
    // No core dump: the supervised program's is the interesting one. RLIMIT_CORE is ignored if core
    // dumps are piped to a program (core(5)).
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    raiseDefault(signal);
  }
  // Not exit(3): Node would restore the terminal and undo the supervised program's changes to it.
  ::_exit(status);
}

Napi::Value EventFd(const Napi::CallbackInfo& info) {
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return result(info, openFds(info).add(fd < 0 ? -errno : fd));
}

Napi::Value TimerfdCreate(const Napi::CallbackInfo& info) {
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return result(info, openFds(info).add(fd < 0 ? -errno : fd));
}

Napi::Value TimerfdSetTime(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const auto at = args.integer<int64_t>(1);
  if (!args.ok() || at < 0) return result(info, -EINVAL);
  itimerspec spec = {};
  spec.it_value.tv_sec = at / 1'000'000'000;
  spec.it_value.tv_nsec = at % 1'000'000'000;
  return result(info, ::timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, nullptr) == 0 ? 0 : -errno);
}

Napi::Value TimerfdRead(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  if (!args.ok()) return result(info, -EINVAL);
  uint64_t expirations = 0;
  const int bytes = uninterrupted([&] { return ::read(fd, &expirations, sizeof expirations); });
  if (bytes < 0) return result(info, bytes);
  return result(info, expirations > INT_MAX ? INT_MAX : static_cast<int>(expirations));
}

Napi::Value DieWithParent(const Napi::CallbackInfo& info) {
  return result(info, ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : -errno);
}

Napi::Value ShortenSlice(const Napi::CallbackInfo& info) {
  // struct sched_attr of include/uapi/linux/sched/types.h, which glibc declares since 2.41.
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {};
  constexpr uint64_t kSliceNs = 100'000;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return result(info, -errno);
  // The user chose otherwise: by chrt(1), or by nice(1), which children are to inherit.
  if (attributes.policy != SCHED_OTHER || attributes.nice < 0) return result(info, 0);
  attributes.size = sizeof attributes;
  attributes.flags = SCHED_FLAG_RESET_ON_FORK;
  attributes.runtime = kSliceNs;
  return result(info, ::syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 ? 0 : -errno);
}

Napi::Value Unshare(const Napi::CallbackInfo& info) {
  Args args(info);
  const int flags = args.integer<int32_t>(0);
  if (!args.ok()) return result(info, -EINVAL);
  return result(info, ::unshare(flags) == 0 ? 0 : -errno);
}

Napi::Value Setns(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const int type = args.integer<int32_t>(1);
  if (!args.ok()) return result(info, -EINVAL);
  return result(info, ::setns(fd, type) == 0 ? 0 : -errno);
}

Napi::Value CallIn(const Napi::CallbackInfo& info) {
  Args args(info);
  const int nsfd = args.fd(0);
  napi_value function = args.function(1);
  if (!args.ok() || function == nullptr || !info[2].IsObject() || !info[3].IsArray()) return result(info, -EINVAL);
  const auto array = info[3].As<Napi::Array>();
  std::vector<napi_value> values;
  for (uint32_t i = 0; i < array.Length(); i++) values.push_back(array.Get(i));
  const NetnsVisit visit(nsfd);
  if (visit.error() != 0) return result(info, visit.error());
  // It may throw, which the caller then sees when this thread is back.
  napi_value returned = nullptr;
  napi_call_function(info.Env(), info[2], function, values.size(), values.data(), &returned);
  return Napi::Value(info.Env(), returned);
}

Napi::Value CreateNetns(const Napi::CallbackInfo& info) {
  return result(info, openFds(info).add(createNetns()));
}

Napi::Value UnnamedNetns(const Napi::CallbackInfo& info) {
  int& made = info.Env().GetInstanceData<Environment>()->unnamedNetns;
  if (made < 0) {
    const int fd = createNetns();
    if (fd < 0) return result(info, fd);
    made = openFds(info).add(fd);
  }
  return result(info, made);
}

int bpfIn(int nsfd, int command, void* attr, size_t length) {
  return inNamespace(nsfd, [&] {
    return static_cast<int>(::syscall(SYS_bpf, command, attr, static_cast<unsigned>(length)));
  });
}

Napi::Value Bpf(const Napi::CallbackInfo& info) {
  Args args(info);
  const int nsfd = args.fd(0);
  const int command = args.integer<int32_t>(1);
  const Bytes attr = args.bytes(2);
  for (size_t i = 3; args.ok() && i < info.Length(); i += 2) {
    const auto at = args.integer<uint32_t>(i);
    const uint64_t address = reinterpret_cast<uintptr_t>(args.bytes(i + 1).data);
    if (!args.ok() || at % sizeof address != 0 || attr.length < sizeof address || at > attr.length - sizeof address) {
      return result(info, -EINVAL);
    }
    std::memcpy(attr.data + at, &address, sizeof address);
  }
  if (!args.ok()) return result(info, -EINVAL);
  const int returned = bpfIn(nsfd, command, attr.data, attr.length);
  const bool opens = command == BPF_MAP_CREATE || command == BPF_PROG_LOAD || command == BPF_LINK_CREATE ||
                     command == BPF_PROG_GET_FD_BY_ID;
  return result(info, opens ? openFds(info).add(returned) : returned);
}

Napi::Value MapPage(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  if (!args.ok()) return result(info, -EINVAL);
  static const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return result(info, -errno);
  return Napi::ArrayBuffer::New(info.Env(), page, size, [](Napi::Env, void* data) { ::munmap(data, size); });
}

Napi::Value Monotonic(const Napi::CallbackInfo& info) {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const double seconds = static_cast<double>(now.tv_sec);
  return Napi::Number::New(info.Env(), seconds * kNanosecondsPerSecond + static_cast<double>(now.tv_nsec));
}

}  // namespace vnet
