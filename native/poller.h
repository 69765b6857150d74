// A descriptor watched by the environment's own event loop: readable -> callback(0), error -> callback(-errno).
// A Poller lives from createPoller until close(), or until its environment ends (worker terminated, process exit).
#ifndef VNET_NATIVE_POLLER_H
#define VNET_NATIVE_POLLER_H

#include <node_api.h>

namespace vnet {

napi_value CreatePoller(napi_env env, napi_callback_info info);

}  // namespace vnet

#endif
