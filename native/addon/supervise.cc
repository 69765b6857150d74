#include "supervise.h"

#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "args.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

namespace vnet {

namespace {

constexpr size_t kMeta = 3;

/**
 * Closes a descriptor that arrived with a message. Its number would mean another file in the
 * process that gets the message. Returns whether the header had one.
 */
bool closesDescriptor(const cmsghdr* header) {
  if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_PIDFD) return false;
  int received;
  memcpy(&received, CMSG_DATA(header), sizeof received);
  if (received >= 0) ::close(received);
  return true;
}

}  // namespace

Napi::Value CapGet(const Napi::CallbackInfo& info) {
  Args args(info);
  const int pid = args.integer<int32_t>(0);
  const Bytes effective = args.bytes(1);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, pid};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (!args.ok() || effective.length < sizeof(uint64_t)) return result(info, -EINVAL);
  if (::syscall(SYS_capget, &header, data) != 0) return result(info, -errno);
  const uint64_t all = data[0].effective | static_cast<uint64_t>(data[1].effective) << 32;
  memcpy(effective.data, &all, sizeof all);
  return result(info, 0);
}

Napi::Value RecvMsgRaw(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes into = args.bytes(1);
  const int flags = args.integer<int32_t>(2);
  const Bytes name = args.bytes(3);
  const Bytes control = args.bytes(4);
  int32_t* meta = args.int32s(5, kMeta);
  if (!args.ok()) return result(info, -EINVAL);

  iovec part = {into.data, into.length};
  msghdr message = {};
  ssize_t length;
  do {
    message = {};
    message.msg_name = name.data;
    message.msg_namelen = static_cast<socklen_t>(name.length);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data;
    message.msg_controllen = control.length;
    length = ::recvmsg(fd, &message, flags);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return result(info, -errno);
  bool closed = false;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    closed = closesDescriptor(header) || closed;
  }
  meta[0] = static_cast<int32_t>(message.msg_namelen);
  meta[1] = closed ? 0 : static_cast<int32_t>(message.msg_controllen);
  meta[2] = message.msg_flags;
  return result(info, static_cast<int>(length));
}

}  // namespace vnet
