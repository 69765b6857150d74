// System calls as JavaScript functions, for the control path. Each returns the call's result (>= 0)
// or -errno; -EINVAL for arguments of a wrong type. src/linux/native.ts documents each one.
#ifndef VNET_NATIVE_SYS_H
#define VNET_NATIVE_SYS_H

#include <napi.h>

#include <cstddef>

namespace vnet {

/** bpf(2) in the network namespace of `nsfd`; -1 is the thread's own. Returns -errno on failure. */
int bpfIn(int nsfd, int command, void* attr, size_t length);

Napi::Value Open(const Napi::CallbackInfo& info);
Napi::Value Socket(const Napi::CallbackInfo& info);
Napi::Value SocketAs(const Napi::CallbackInfo& info);
Napi::Value SocketPair(const Napi::CallbackInfo& info);
Napi::Value Close(const Napi::CallbackInfo& info);
Napi::Value Adopt(const Napi::CallbackInfo& info);
Napi::Value Release(const Napi::CallbackInfo& info);
Napi::Value Ioctl(const Napi::CallbackInfo& info);
Napi::Value Bind(const Napi::CallbackInfo& info);
Napi::Value Listen(const Napi::CallbackInfo& info);
Napi::Value Accept(const Napi::CallbackInfo& info);
Napi::Value Connect(const Napi::CallbackInfo& info);
Napi::Value ConnectAs(const Napi::CallbackInfo& info);
Napi::Value GetSockName(const Napi::CallbackInfo& info);
Napi::Value SetSockOpt(const Napi::CallbackInfo& info);
Napi::Value GetSockOpt(const Napi::CallbackInfo& info);
Napi::Value Send(const Napi::CallbackInfo& info);
Napi::Value SendTo(const Napi::CallbackInfo& info);
Napi::Value Recv(const Napi::CallbackInfo& info);
Napi::Value RecvMsg(const Napi::CallbackInfo& info);
Napi::Value RecvDescriptors(const Napi::CallbackInfo& info);
Napi::Value SendDescriptors(const Napi::CallbackInfo& info);
Napi::Value Poll(const Napi::CallbackInfo& info);
Napi::Value PidfdOpen(const Napi::CallbackInfo& info);
Napi::Value PidfdGetfd(const Napi::CallbackInfo& info);
Napi::Value ProcessVmReadv(const Napi::CallbackInfo& info);
Napi::Value Exec(const Napi::CallbackInfo& info);
Napi::Value CloseOnExec(const Napi::CallbackInfo& info);
Napi::Value EndBySignals(const Napi::CallbackInfo& info);
Napi::Value EndAs(const Napi::CallbackInfo& info);
Napi::Value EventFd(const Napi::CallbackInfo& info);
Napi::Value TimerfdCreate(const Napi::CallbackInfo& info);
Napi::Value TimerfdSetTime(const Napi::CallbackInfo& info);
Napi::Value TimerfdRead(const Napi::CallbackInfo& info);
Napi::Value DieWithParent(const Napi::CallbackInfo& info);
Napi::Value Unshare(const Napi::CallbackInfo& info);
Napi::Value Setns(const Napi::CallbackInfo& info);
Napi::Value CallIn(const Napi::CallbackInfo& info);
Napi::Value CreateNetns(const Napi::CallbackInfo& info);
Napi::Value UnnamedNetns(const Napi::CallbackInfo& info);
Napi::Value ShortenSlice(const Napi::CallbackInfo& info);
Napi::Value Bpf(const Napi::CallbackInfo& info);
Napi::Value MapPage(const Napi::CallbackInfo& info);
Napi::Value Monotonic(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
