// A descriptor watched by the environment's own event loop: readable -> callback(0), error -> callback(-errno).
// A Poller lives from createPoller until close(), or until its environment ends (worker terminated, process exit).
#ifndef VNET_NATIVE_POLLER_H
#define VNET_NATIVE_POLLER_H

#include <napi.h>

namespace vnet {

Napi::Value CreatePoller(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
