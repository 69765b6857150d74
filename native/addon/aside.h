// System calls that take milliseconds, each on its own thread while the event loop continues.
// src/linux/native.ts documents the calls.
//
// The JavaScript thread makes the thread for each call, so both share a descriptor table, also
// after unshare(CLONE_FILES). The threads of libuv may have another one, in which a number refers
// to another file.
#ifndef VNET_NATIVE_ASIDE_H
#define VNET_NATIVE_ASIDE_H

#include <napi.h>

#include <list>

namespace vnet {

struct AsideCall;

/** The calls of one environment. */
class Asides {
 public:
  Asides() = default;
  Asides(const Asides&) = delete;
  Asides& operator=(const Asides&) = delete;
  /** Waits for the threads of a worker: their code is unloaded with its environment. */
  ~Asides();

  /** Starts the call and takes it over; returns -errno, having done nothing, if that fails. */
  int start(AsideCall* call);

 private:
  std::list<AsideCall*> running_;
};

Napi::Value CloseAside(const Napi::CallbackInfo& info);
Napi::Value SendAside(const Napi::CallbackInfo& info);
Napi::Value BpfAside(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
