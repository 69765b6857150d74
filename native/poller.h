// A descriptor watched by the environment's own event loop: readable (or writable) -> callback(0), error -> callback(-errno). A callback that
// answers true has more to do: it is called again in its turn, readable or not.
// A Poller lives from createPoller until close(), or until its environment ends (worker terminated, process exit).
#ifndef VNET_NATIVE_POLLER_H
#define VNET_NATIVE_POLLER_H

#include <napi.h>
#include <uv.h>

namespace vnet {

class RxAction;

/**
 * Freed in the uv handle's close callback, and only there: the JavaScript object may be collected before, and then the
 * watching goes on. uv.h promises no layout across Node versions, so the handle is
 * allocated by uv_handle_size and reached by functions alone.
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
  /** It has more to do, and is called again without being watched. */
  bool scheduled = false;

  ~Poller();
  uv_handle_t* handle() const { return reinterpret_cast<uv_handle_t*>(poll); }
  int start();
  void stop();
  /** Changes what it watches for. */
  int watch(int wanted);
  /** Ends the watching; the poller is freed later. */
  void close();
  /** Calls fn(status); it may be closed then. */
  void call(int status);

 private:
  void proceed(bool more);
};

Napi::Value CreatePoller(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
