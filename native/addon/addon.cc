// The addon's exports. All state belongs to a thread's environment, so the addon can be loaded by
// any number of threads; only signal handlers are the process's.
#include <napi.h>

#include "aside.h"
#include "batch.h"
#include "environment.h"
#include "poller.h"
#include "privileges.h"
#include "rx-action.h"
#include "supervise.h"
#include "sys.h"

namespace {

/**
 * A function of the data path. It uses plain Node-API, which saves the C++ wrapper's cost per call.
 */
Napi::Function raw(Napi::Env env, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  return Napi::Function(env, function);
}

template <Napi::Value (*callback)(const Napi::CallbackInfo&)>
void add(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<callback>(exports.Env(), name));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  // Destroyed after the last poller, so no descriptor is closed while a poller still watches it.
  env.SetInstanceData(new vnet::Environment);
  add<vnet::Open>(exports, "open");
  add<vnet::Socket>(exports, "socket");
  add<vnet::SocketAs>(exports, "socketAs");
  add<vnet::SocketPair>(exports, "socketpair");
  add<vnet::Close>(exports, "close");
  add<vnet::CloseAside>(exports, "closeAside");
  add<vnet::Adopt>(exports, "adopt");
  add<vnet::Release>(exports, "release");
  add<vnet::Ioctl>(exports, "ioctl");
  add<vnet::Bind>(exports, "bind");
  add<vnet::Listen>(exports, "listen");
  add<vnet::Accept>(exports, "accept");
  add<vnet::Connect>(exports, "connect");
  add<vnet::ConnectAs>(exports, "connectAs");
  add<vnet::GetSockName>(exports, "getsockname");
  add<vnet::SetSockOpt>(exports, "setsockopt");
  add<vnet::GetSockOpt>(exports, "getsockopt");
  add<vnet::Send>(exports, "send");
  add<vnet::SendAside>(exports, "sendAside");
  add<vnet::SendTo>(exports, "sendto");
  add<vnet::Recv>(exports, "recv");
  add<vnet::RecvMsg>(exports, "recvmsg");
  add<vnet::SendDescriptors>(exports, "sendDescriptors");
  add<vnet::RecvDescriptors>(exports, "recvDescriptors");
  add<vnet::Poll>(exports, "poll");
  add<vnet::PidfdOpen>(exports, "pidfdOpen");
  add<vnet::PidfdGetfd>(exports, "pidfdGetfd");
  add<vnet::ProcessVmReadv>(exports, "processVmReadv");
  add<vnet::Exec>(exports, "exec");
  add<vnet::CloseOnExec>(exports, "closeOnExec");
  add<vnet::EndBySignals>(exports, "endBySignals");
  add<vnet::EndAs>(exports, "endAs");
  add<vnet::EventFd>(exports, "eventfd");
  add<vnet::TimerfdCreate>(exports, "timerfdCreate");
  add<vnet::TimerfdSetTime>(exports, "timerfdSettime");
  add<vnet::TimerfdRead>(exports, "timerfdRead");
  add<vnet::DieWithParent>(exports, "dieWithParent");
  add<vnet::Unshare>(exports, "unshare");
  add<vnet::Setns>(exports, "setns");
  add<vnet::CallIn>(exports, "callIn");
  add<vnet::CreateNetns>(exports, "createNetns");
  add<vnet::UnnamedNetns>(exports, "unnamedNetns");
  add<vnet::ShortenSlice>(exports, "shortenSlice");
  add<vnet::Bpf>(exports, "bpf");
  add<vnet::BpfAside>(exports, "bpfAside");
  add<vnet::MapPage>(exports, "mapPage");
  add<vnet::Monotonic>(exports, "monotonic");
  add<vnet::DropPrivileges>(exports, "dropPrivileges");
  add<vnet::CapGet>(exports, "capget");
  add<vnet::RecvMsgRaw>(exports, "recvmsgRaw");
  add<vnet::CreatePoller>(exports, "createPoller");
  add<vnet::SetBusyPoll>(exports, "setBusyPoll");
  exports.Set("createBatch", raw(env, "createBatch", vnet::CreateBatch));
  exports.Set("readBatch", raw(env, "readBatch", vnet::ReadBatch));
  exports.Set("writeBatch", raw(env, "writeBatch", vnet::WriteBatch));
  return exports;
}

}  // namespace

NODE_API_MODULE(vnet, Init)
