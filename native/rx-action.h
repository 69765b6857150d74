// Polling in place of waiting for events, in an idle callback of the event loop, which goes on between.
//
// The poll list, as net_rx_action has one: a poller that has more to do is called again in its turn, and is not watched
// meanwhile, for a descriptor in epoll costs whoever sends to it a call for each frame. Busy polling, as net.core.busy_poll: after
// an event, to look for the next one for a while instead of sleeping until it wakes us.
#ifndef VNET_NATIVE_RX_ACTION_H
#define VNET_NATIVE_RX_ACTION_H

#include <napi.h>
#include <poll.h>
#include <uv.h>

#include <cstdint>
#include <vector>

namespace vnet {

struct Poller;

/** Of one environment. */
class RxAction {
 public:
  /** The environment's own, made when there is none; null without memory. */
  static RxAction* of(napi_env env);

  /** How long after an event to look for the next one, ns; 0, as at first, is not at all. */
  void setWindow(uint64_t ns) { window_ = ns; }

  /** A poller was started, or stopped. */
  void add(Poller* poller);
  void remove(Poller* poller);

  /** There was an event: the window begins. */
  void touch();

  /** The poller, which the event loop does not watch now, is called again in its turn. */
  void schedule(Poller* poller);

  /** A poller that is scheduled keeps the process alive, as its own handle does not meanwhile. */
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
  /** All that are started, with a pollfd for each at the same place, and how often these were changed. */
  std::vector<Poller*> pollers_;
  std::vector<pollfd> fds_;
  uint32_t changes_ = 0;
  /** Scheduled; and those whose turn it is, null where one was stopped meanwhile. */
  std::vector<Poller*> list_;
  std::vector<Poller*> turn_;
};

Napi::Value SetBusyPoll(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
