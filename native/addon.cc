// What the addon exports, and nothing else. It has no state of its own: one build serves every thread of a process.
#include <node_api.h>

#include "batch.h"
#include "poller.h"
#include "sys.h"

namespace {

constexpr napi_property_descriptor method(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, nullptr};
}

constexpr napi_property_descriptor kExports[] = {
    method("open", vnet::Open),
    method("socket", vnet::Socket),
    method("close", vnet::Close),
    method("ioctl", vnet::Ioctl),
    method("bind", vnet::Bind),
    method("getsockname", vnet::GetSockName),
    method("setsockopt", vnet::SetSockOpt),
    method("getsockopt", vnet::GetSockOpt),
    method("send", vnet::Send),
    method("sendto", vnet::SendTo),
    method("recvmsg", vnet::RecvMsg),
    method("timerfdCreate", vnet::TimerfdCreate),
    method("timerfdSettime", vnet::TimerfdSetTime),
    method("timerfdRead", vnet::TimerfdRead),
    method("monotonic", vnet::Monotonic),
    method("createBatch", vnet::CreateBatch),
    method("readBatch", vnet::ReadBatch),
    method("writeBatch", vnet::WriteBatch),
    method("createPoller", vnet::CreatePoller),
};

}  // namespace

NAPI_MODULE_INIT() {
  if (napi_define_properties(env, exports, sizeof kExports / sizeof *kExports, kExports) != napi_ok) return nullptr;
  return exports;
}
