#include "aside.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <new>
#include <vector>

#include "args.h"
#include "environment.h"
#include "sys.h"
#include "thread.h"

namespace vnet {

/** The work of one thread: closing descriptors, sending a message, or calling bpf(2). */
struct AsideCall {
  pthread_t thread = {};
  /** An eventfd: 1 is added at the end, or 1 + errno. */
  int event = -1;
  std::vector<int> closed;
  int fd = -1;
  /** The message, or the attributes of bpf(2). */
  std::vector<uint8_t> bytes;
  int flags = 0;
  /** The command of a bpf(2) call; its descriptor replaces `fd`. -1 for a message. */
  int command = -1;
  int nsfd = -1;
};

namespace {

constexpr size_t kStackBytes = 64 * 1024;

/** 0 or an errno. */
int send(const AsideCall& call) {
  for (;;) {
    if (::send(call.fd, call.bytes.data(), call.bytes.size(), call.flags | MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

/** 0 or an errno. */
int bpf(AsideCall& call) {
  const Fd made(bpfIn(call.nsfd, call.command, call.bytes.data(), call.bytes.size()));
  if (!made) return -made.get();
  return ::dup3(made.get(), call.fd, O_CLOEXEC) < 0 ? errno : 0;
}

void* run(void* data) {
  auto& call = *static_cast<AsideCall*>(data);
  for (const int fd : call.closed) {
    // Afterwards another thread may get the number.
    OwnedFds::erase(fd);
    ::close(fd);
  }
  const int error = call.fd < 0 ? 0 : call.command < 0 ? send(call) : bpf(call);
  ::eventfd_write(call.event, 1 + static_cast<eventfd_t>(error));
  return nullptr;
}

}  // namespace

Asides::~Asides() {
  // On the main thread the process ends, which ends its threads. One may take long: do not wait.
  if (::gettid() == ::getpid()) return;
  for (AsideCall* call : running_) {
    ::pthread_join(call->thread, nullptr);
    delete call;
  }
}

int Asides::start(AsideCall* call) {
  // Otherwise nobody would notice its end.
  if (::fcntl(call->event, F_GETFD) < 0) {
    delete call;
    return -EBADF;
  }
  running_.remove_if([](AsideCall* earlier) {
    if (::pthread_tryjoin_np(earlier->thread, nullptr) != 0) return false;
    delete earlier;
    return true;
  });
  const int error = startThread(&call->thread, kStackBytes, run, call);
  if (error == 0) running_.push_back(call);
  else delete call;
  return -error;
}

Napi::Value CloseAside(const Napi::CallbackInfo& info) {
  Args args(info);
  size_t count = 0;
  const int32_t* fds = args.int32s(0, 0, count);
  const int event = args.fd(1);
  if (!args.ok()) return result(info, -EINVAL);
  Environment& environment = *info.Env().GetInstanceData<Environment>();
  if (!std::all_of(fds, fds + count, OwnedFds::has)) return result(info, -EBADF);
  auto* call = new (std::nothrow) AsideCall;
  if (call == nullptr) return result(info, -ENOMEM);
  call->event = event;
  call->closed.assign(fds, fds + count);
  const int error = environment.asides.start(call);
  for (size_t i = 0; i < count && error == 0; i++) environment.fds.remove(fds[i]);
  return result(info, error);
}

Napi::Value SendAside(const Napi::CallbackInfo& info) {
  Args args(info);
  const int fd = args.fd(0);
  const Bytes data = args.bytes(1);
  const int flags = args.integer<int32_t>(2);
  const int event = args.fd(3);
  if (!args.ok() || fd < 0) return result(info, -EINVAL);
  auto* call = new (std::nothrow) AsideCall;
  if (call == nullptr) return result(info, -ENOMEM);
  call->event = event;
  call->fd = fd;
  call->bytes.assign(data.data, data.data + data.length);
  call->flags = flags;
  return result(info, info.Env().GetInstanceData<Environment>()->asides.start(call));
}

Napi::Value BpfAside(const Napi::CallbackInfo& info) {
  Args args(info);
  const int nsfd = args.fd(0);
  const int command = args.integer<int32_t>(1);
  const Bytes attr = args.bytes(2);
  const int fd = args.fd(3);
  const int event = args.fd(4);
  if (!args.ok() || fd < 0 || command < 0) return result(info, -EINVAL);
  auto* call = new (std::nothrow) AsideCall;
  if (call == nullptr) return result(info, -ENOMEM);
  call->event = event;
  call->fd = fd;
  call->bytes.assign(attr.data, attr.data + attr.length);
  call->command = command;
  call->nsfd = nsfd;
  return result(info, info.Env().GetInstanceData<Environment>()->asides.start(call));
}

}  // namespace vnet
