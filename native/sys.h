// System calls as JavaScript functions, for the control path: each returns what the call returned (>= 0) or -errno, and
// -EINVAL for arguments of a wrong type. src/kernel/native.ts documents each one.
#ifndef VNET_NATIVE_SYS_H
#define VNET_NATIVE_SYS_H

#include <node_api.h>

namespace vnet {

napi_value Open(napi_env env, napi_callback_info info);
napi_value Socket(napi_env env, napi_callback_info info);
napi_value Close(napi_env env, napi_callback_info info);
napi_value Ioctl(napi_env env, napi_callback_info info);
napi_value Bind(napi_env env, napi_callback_info info);
napi_value GetSockName(napi_env env, napi_callback_info info);
napi_value SetSockOpt(napi_env env, napi_callback_info info);
napi_value GetSockOpt(napi_env env, napi_callback_info info);
napi_value Send(napi_env env, napi_callback_info info);
napi_value SendTo(napi_env env, napi_callback_info info);
napi_value RecvMsg(napi_env env, napi_callback_info info);
napi_value TimerfdCreate(napi_env env, napi_callback_info info);
napi_value TimerfdSetTime(napi_env env, napi_callback_info info);
napi_value TimerfdRead(napi_env env, napi_callback_info info);
napi_value Monotonic(napi_env env, napi_callback_info info);

}  // namespace vnet

#endif
