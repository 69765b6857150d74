// Calls that the supervisor of `vnet exec` makes on behalf of a program. They return like the
// functions of sys.h.
#ifndef VNET_NATIVE_SUPERVISE_H
#define VNET_NATIVE_SUPERVISE_H

#include <napi.h>

namespace vnet {

Napi::Value CapGet(const Napi::CallbackInfo& info);
Napi::Value RecvMsgRaw(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
