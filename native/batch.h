// The data path: one call reads, or writes, a batch of frames of an arena. Raw Node-API, few calls, no allocation.
// A Batch caches where its arrays lie, so all three must be on SharedArrayBuffers: those can neither be detached nor
// shrink under the cache. It holds a reference on each; whoever has the handle has the memory.
#ifndef VNET_NATIVE_BATCH_H
#define VNET_NATIVE_BATCH_H

#include <node_api.h>

namespace vnet {

napi_value CreateBatch(napi_env env, napi_callback_info info);
napi_value ReadBatch(napi_env env, napi_callback_info info);
napi_value WriteBatch(napi_env env, napi_callback_info info);

}  // namespace vnet

#endif
