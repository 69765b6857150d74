// Drops privileges in every thread of the process. src/linux/native.ts documents the call.
#ifndef VNET_NATIVE_PRIVILEGES_H
#define VNET_NATIVE_PRIVILEGES_H

#include <napi.h>

namespace vnet {

Napi::Value DropPrivileges(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
