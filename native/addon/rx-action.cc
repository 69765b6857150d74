#include "rx-action.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>

#include "args.h"
#include "environment.h"
#include "poller.h"

namespace vnet {

namespace {

/** How long busy polling may delay the event loop's timers and other descriptors. */
constexpr uint64_t kStayNs = 200'000;
constexpr int64_t kMostNs = 1'000'000'000;

}  // namespace

RxAction* RxAction::of(napi_env env) {
  RxAction*& made = Napi::Env(env).GetInstanceData<Environment>()->rxAction;
  if (made != nullptr) return made;
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  auto* action = new (std::nothrow) RxAction;
  if (action == nullptr) return nullptr;
  action->idle_ = static_cast<uv_idle_t*>(std::malloc(uv_handle_size(UV_IDLE)));
  if (action->idle_ == nullptr ||
      napi_add_async_cleanup_hook(env, onEnvironmentEnd, action, &action->hook_) != napi_ok) {
    delete action;
    return nullptr;
  }
  uv_idle_init(loop, action->idle_);
  uv_handle_set_data(action->handle(), action);
  // Only pollers keep the process alive.
  uv_unref(action->handle());
  return made = action;
}

RxAction::~RxAction() {
  // Last: without its hook, the environment may end.
  if (hook_ != nullptr) napi_remove_async_cleanup_hook(hook_);
  std::free(idle_);
}

void RxAction::onEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  auto* action = static_cast<RxAction*>(data);
  uv_close(action->handle(), [](uv_handle_t* handle) {
    delete static_cast<RxAction*>(uv_handle_get_data(handle));
  });
}

void RxAction::add(Poller* poller) {
  pollers_.push_back(poller);
  const short events = (poller->events & UV_READABLE) != 0 ? POLLIN : 0;
  fds_.push_back({poller->fd, events, 0});
  changes_++;
}

void RxAction::remove(Poller* poller) {
  const auto found = std::find(pollers_.begin(), pollers_.end(), poller);
  if (found == pollers_.end()) return;
  fds_.erase(fds_.begin() + (found - pollers_.begin()));
  pollers_.erase(found);
  changes_++;
  std::erase(list_, poller);
  std::replace(turn_.begin(), turn_.end(), poller, static_cast<Poller*>(nullptr));
}

void RxAction::touch() {
  if (window_ == 0) return;
  until_ = uv_hrtime() + window_;
  uv_idle_start(idle_, onIdle);
}

void RxAction::schedule(Poller* poller) {
  list_.push_back(poller);
  if (uv_has_ref(poller->handle())) ref();
  uv_idle_start(idle_, onIdle);
}

void RxAction::onIdle(uv_idle_t* idle) {
  auto* action = static_cast<RxAction*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(idle)));
  uv_unref(action->handle());
  action->runPollList();
  if (action->list_.empty() && !action->look()) uv_idle_stop(idle);
}

/** Calls each scheduled poller once. One that is scheduled again waits for the next turn. */
void RxAction::runPollList() {
  turn_.swap(list_);
  for (size_t i = 0; i < turn_.size(); i++) {
    if (turn_[i] != nullptr) turn_[i]->call(0);
  }
  turn_.clear();
}

/** Busy polls for at most kStayNs. Returns false when the window is over. */
bool RxAction::look() {
  uint64_t now = uv_hrtime();
  for (const uint64_t leave = now + kStayNs; now < leave; now = uv_hrtime()) {
    if (now >= until_) return false;
    if (::poll(fds_.data(), fds_.size(), 0) <= 0) continue;
    const uint32_t changes = changes_;
    // A call may start, stop and close any poller. `fds_` is then out of date and is polled again.
    for (size_t i = 0; i < fds_.size() && changes == changes_; i++) {
      // The event loop handles errors.
      if ((fds_[i].revents & POLLIN) != 0) pollers_[i]->call(0);
    }
    if (!list_.empty()) return true;
  }
  return true;
}

Napi::Value SetBusyPoll(const Napi::CallbackInfo& info) {
  Args args(info);
  const auto ns = args.integer<int64_t>(0);
  if (!args.ok() || ns < 0 || ns > kMostNs) return result(info, -EINVAL);
  RxAction* action = RxAction::of(info.Env());
  if (action == nullptr) return result(info, -ENOMEM);
  action->setWindow(static_cast<uint64_t>(ns));
  return result(info, 0);
}

}  // namespace vnet
