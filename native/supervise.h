// What the supervisor of `vnet exec` does in place of a program's system call. As sys.h: the call's result, or -errno.
#ifndef VNET_NATIVE_SUPERVISE_H
#define VNET_NATIVE_SUPERVISE_H

#include <napi.h>

namespace vnet {

Napi::Value CapGet(const Napi::CallbackInfo& info);
Napi::Value RecvMsgRaw(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
