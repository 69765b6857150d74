// Polls descriptors from an idle callback of the event loop, once per turn, instead of waiting for
// events. There are two reasons to poll:
//
// The poll list, as in net_rx_action: a poller that has more to do is called again in the next
// turn, and its descriptor is not watched in the meantime. A descriptor in epoll costs its sender a
// wake-up call per frame.
//
// Busy polling, as with net.core.busy_poll: after an event, look for the next one for some time
// before sleeping.
#ifndef VNET_NATIVE_RX_ACTION_H
#define VNET_NATIVE_RX_ACTION_H

#include <napi.h>
#include <poll.h>
#include <uv.h>

#include <cstdint>
#include <vector>

namespace vnet {

struct Poller;

/** The poll list and the busy polling of one environment. */
class RxAction {
 public:
  /** The environment's own, made at the first call; null if memory is short. */
  static RxAction* of(napi_env env);

  /** Sets how long to poll after an event, in ns. 0, the default, turns busy polling off. */
  void setWindow(uint64_t ns) { window_ = ns; }

  /** A poller was started or stopped. */
  void add(Poller* poller);
  void remove(Poller* poller);

  /** An event arrived, for which a poller is called: the window starts. */
  void touch();

  /** Calls the poller in the next turn. The event loop must not watch its descriptor. */
  void schedule(Poller* poller);

  /** Keeps the process alive for a scheduled poller while the poller's own handle is inactive. */
  void ref() { uv_ref(handle()); }

 private:
  RxAction() = default;
  ~RxAction();

  static void onIdle(uv_idle_t* idle);
  static void onEnvironmentEnd(napi_async_cleanup_hook_handle, void* data);
  void runPollList();
  bool look();

  uv_handle_t* handle() const { return reinterpret_cast<uv_handle_t*>(idle_); }

  uv_idle_t* idle_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  uint64_t window_ = 0;
  uint64_t until_ = 0;
  /**
   * The started pollers, a pollfd for each at the same index, and the number of changes to both.
   */
  std::vector<Poller*> pollers_;
  std::vector<pollfd> fds_;
  uint32_t changes_ = 0;
  /** Pollers scheduled for the next turn, and pollers of this turn: null where one was stopped. */
  std::vector<Poller*> list_;
  std::vector<Poller*> turn_;
};

Napi::Value SetBusyPoll(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
