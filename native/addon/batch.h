// The data path: one call reads or writes a batch of frames of an arena. It uses plain Node-API,
// few calls and no allocation.
//
// A Batch caches the addresses of its three arrays. They must be on SharedArrayBuffers, which can
// be neither detached nor shrunk. The batch holds a reference on each, so the memory lives as long
// as the handle.
#ifndef VNET_NATIVE_BATCH_H
#define VNET_NATIVE_BATCH_H

#include <node_api.h>

namespace vnet {

napi_value CreateBatch(napi_env env, napi_callback_info info);
napi_value ReadBatch(napi_env env, napi_callback_info info);
napi_value WriteBatch(napi_env env, napi_callback_info info);

}  // namespace vnet

#endif
