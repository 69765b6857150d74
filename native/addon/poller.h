// A descriptor watched by the environment's event loop. fn(0) is called while the descriptor is
// readable (or writable), fn(-errno) on an error. If fn returns true it has more to do: it is
// called again in the next turn of the loop, whether the descriptor is readable or not.
//
// A Poller lives from createPoller() until close(), or until its environment ends (the worker is
// terminated, the process exits).
#ifndef VNET_NATIVE_POLLER_H
#define VNET_NATIVE_POLLER_H

#include <napi.h>
#include <uv.h>

namespace vnet {

class RxAction;

/**
 * Freed only in the uv handle's close callback. The JavaScript object may be collected earlier, and
 * the poller keeps watching. uv.h guarantees no struct layout across Node versions, so the handle
 * is allocated with uv_handle_size and accessed by functions only.
 */
struct Poller {
  napi_env env = nullptr;
  int fd = -1;
  uv_poll_t* poll = nullptr;
  RxAction* rxAction = nullptr;
  napi_ref fn = nullptr;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  bool started = false;
  /** UV_READABLE, UV_WRITABLE or both. */
  int events = UV_READABLE;
  /** On the poll list of RxAction, and not watched. */
  bool scheduled = false;

  ~Poller();
  uv_handle_t* handle() const { return reinterpret_cast<uv_handle_t*>(poll); }
  int start();
  void stop();
  /** Changes the events it watches for. */
  int watch(int wanted);
  /** Stops watching. The poller is freed later. */
  void close();
  /** Calls fn(status), which may close the poller. */
  void call(int status);

 private:
  void proceed(bool more);
};

Napi::Value CreatePoller(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
