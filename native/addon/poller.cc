#include "poller.h"

#include <cerrno>
#include <cstdlib>
#include <new>

#include "args.h"
#include "environment.h"
#include "rx-action.h"

namespace vnet {

namespace {

constexpr napi_type_tag kTag = {0x1f0e6a53c7d94b28, 0x9d3b7a60542e8cf1};

class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) {
    opened_ = napi_open_handle_scope(env, &scope_) == napi_ok;
  }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;
  ~HandleScope() {
    if (opened_) napi_close_handle_scope(env_, scope_);
  }

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
  bool opened_;
};

void onClosed(uv_handle_t* handle) {
  auto* poller = static_cast<Poller*>(uv_handle_get_data(handle));
  const HandleScope scope(poller->env);
  delete poller;
}

/** The environment waits until the hook is removed, which ~Poller does last. */
void onEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  static_cast<Poller*>(data)->close();
}

void onPoll(uv_poll_t* poll, int status, int) {
  auto* poller = static_cast<Poller*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(poll)));
  poller->call(status < 0 ? status : 0);
}

/**
 * The Poller of `this`, or null: with *error 0 if it is closed, with -EINVAL if `this` is not a
 * poller.
 */
Poller* receiver(napi_env env, napi_callback_info info, napi_value* self, int* error) {
  size_t count = 0;
  bool ours = false;
  void* poller = nullptr;
  *error = -EINVAL;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &count, nullptr, self, nullptr) != napi_ok) return nullptr;
  if (napi_typeof(env, *self, &type) != napi_ok || type != napi_object) return nullptr;
  if (napi_check_object_type_tag(env, *self, &kTag, &ours) != napi_ok || !ours) return nullptr;
  *error = 0;
  if (napi_unwrap(env, *self, &poller) != napi_ok) return nullptr;
  return static_cast<Poller*>(poller);
}

/** Calls act(poller); -EBADF if the poller is closed. */
template <typename Do>
napi_value onOpen(napi_env env, napi_callback_info info, Do act) {
  napi_value self;
  int error;
  Poller* poller = receiver(env, info, &self, &error);
  if (poller == nullptr) return result(env, error == 0 ? -EBADF : error);
  return result(env, act(poller));
}

napi_value Start(napi_env env, napi_callback_info info) {
  return onOpen(env, info, [](Poller* poller) { return poller->start(); });
}

napi_value Stop(napi_env env, napi_callback_info info) {
  return onOpen(env, info, [](Poller* poller) {
    poller->stop();
    return 0;
  });
}

napi_value Watch(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  int32_t events = 0;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count < 1 ||
      napi_get_value_int32(env, argument, &events) != napi_ok ||
      events < UV_READABLE || events > (UV_READABLE | UV_WRITABLE)) {
    return result(env, -EINVAL);
  }
  return onOpen(env, info, [events](Poller* poller) { return poller->watch(events); });
}

napi_value Ref(napi_env env, napi_callback_info info) {
  return onOpen(env, info, [](Poller* poller) {
    uv_ref(poller->handle());
    if (poller->scheduled) poller->rxAction->ref();
    return 0;
  });
}

napi_value Unref(napi_env env, napi_callback_info info) {
  return onOpen(env, info, [](Poller* poller) {
    uv_unref(poller->handle());
    return 0;
  });
}

napi_value Close(napi_env env, napi_callback_info info) {
  napi_value self;
  int error;
  Poller* poller = receiver(env, info, &self, &error);
  if (poller == nullptr) return result(env, error);
  napi_remove_wrap(env, self, nullptr);
  poller->close();
  return result(env, 0);
}

napi_value Construct(napi_env env, napi_callback_info info) {
  napi_value self = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr);
  return self;
}

/**
 * The class of all pollers of an environment, made at the first call. Methods of each object would
 * be six functions with finalizers per poller, which delay garbage collections.
 */
bool pollerClass(napi_env env, napi_value* constructor) {
  napi_ref& made = Napi::Env(env).GetInstanceData<Environment>()->pollerClass;
  if (made != nullptr) return napi_get_reference_value(env, made, constructor) == napi_ok;
  const auto attributes = static_cast<napi_property_attributes>(napi_enumerable);
  const napi_property_descriptor methods[] = {
      {"start", nullptr, Start, nullptr, nullptr, nullptr, attributes, nullptr},
      {"stop", nullptr, Stop, nullptr, nullptr, nullptr, attributes, nullptr},
      {"watch", nullptr, Watch, nullptr, nullptr, nullptr, attributes, nullptr},
      {"ref", nullptr, Ref, nullptr, nullptr, nullptr, attributes, nullptr},
      {"unref", nullptr, Unref, nullptr, nullptr, nullptr, attributes, nullptr},
      {"close", nullptr, Close, nullptr, nullptr, nullptr, attributes, nullptr},
  };
  // As methods of the class they would throw for a foreign `this`.
  napi_value prototype;
  return napi_define_class(env, "Poller", NAPI_AUTO_LENGTH, Construct, nullptr, 0, nullptr, constructor) == napi_ok &&
         napi_get_named_property(env, *constructor, "prototype", &prototype) == napi_ok &&
         napi_define_properties(env, prototype, sizeof methods / sizeof *methods, methods) == napi_ok &&
         napi_create_reference(env, *constructor, 1, &made) == napi_ok;
}

/** Makes the JavaScript object of a poller with an initialized uv handle; false if that fails. */
bool makeObject(napi_env env, Poller* poller, napi_value fn, napi_value* object) {
  napi_value constructor, name;
  return pollerClass(env, &constructor) && napi_new_instance(env, constructor, 0, nullptr, object) == napi_ok &&
         napi_type_tag_object(env, *object, &kTag) == napi_ok &&
         napi_create_reference(env, fn, 1, &poller->fn) == napi_ok &&
         napi_create_string_utf8(env, "vnet.Poller", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_async_init(env, *object, name, &poller->context) == napi_ok &&
         napi_add_async_cleanup_hook(env, onEnvironmentEnd, poller, &poller->hook) == napi_ok &&
         napi_wrap(env, *object, poller, nullptr, nullptr, nullptr) == napi_ok;
}

}  // namespace

Poller::~Poller() {
  if (fn != nullptr) napi_delete_reference(env, fn);
  if (context != nullptr) napi_async_destroy(env, context);
  // Last: without its hook, the environment may end.
  if (hook != nullptr) napi_remove_async_cleanup_hook(hook);
  std::free(poll);
}

int Poller::start() {
  if (started) return 0;
  const int error = uv_poll_start(poll, events, onPoll);
  if (error != 0) return error;
  started = true;
  rxAction->add(this);
  return 0;
}

void Poller::stop() {
  if (!started) return;
  started = scheduled = false;
  rxAction->remove(this);
  uv_poll_stop(poll);
}

int Poller::watch(int wanted) {
  if (wanted == events) return 0;
  events = wanted;
  if (!started) return 0;
  rxAction->remove(this);
  rxAction->add(this);
  if (!scheduled) return uv_poll_start(poll, events, onPoll);
  rxAction->schedule(this);
  return 0;
}

void Poller::close() {
  if (uv_is_closing(handle())) return;
  stop();
  uv_close(handle(), onClosed);
}

void Poller::call(int status) {
  // After an error libuv has already stopped.
  if (status < 0) stop();
  else rxAction->touch();
  const HandleScope scope(env);
  napi_value function, receiver, argument, returned;
  if (napi_get_reference_value(env, fn, &function) != napi_ok || napi_get_global(env, &receiver) != napi_ok ||
      napi_create_int32(env, status, &argument) != napi_ok) {
    return;
  }
  bool more = false;
  if (napi_make_callback(env, context, receiver, function, 1, &argument, &returned) == napi_ok) {
    napi_get_value_bool(env, returned, &more);
  }
  if (started) proceed(more);
  // An exception of fn must reach 'uncaughtException'. No JavaScript is below this call, so
  // Node-API would only keep the exception pending.
  bool pending = false;
  napi_value error;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok) {
    napi_fatal_exception(env, error);
  }
}

void Poller::proceed(bool more) {
  if (more) {
    if (!scheduled) uv_poll_stop(poll);
    rxAction->schedule(this);
  } else if (scheduled) {
    // Cannot fail: the handle was started before, and libuv registers the descriptor in its next
    // turn.
    uv_poll_start(poll, events, onPoll);
  }
  scheduled = more;
}

Napi::Value CreatePoller(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Args args(info);
  const int fd = args.fd(0);
  napi_value fn = args.function(1);
  uv_loop_t* loop = nullptr;
  if (!args.ok() || napi_get_uv_event_loop(env, &loop) != napi_ok) return result(info, -EINVAL);

  auto* poller = new (std::nothrow) Poller;
  if (poller == nullptr) return result(info, -ENOMEM);
  poller->env = env;
  poller->fd = fd;
  poller->rxAction = RxAction::of(env);
  poller->poll = static_cast<uv_poll_t*>(std::malloc(uv_handle_size(UV_POLL)));
  const bool made = poller->poll != nullptr && poller->rxAction != nullptr;
  const int error = made ? uv_poll_init(loop, poller->poll, fd) : -ENOMEM;
  if (error != 0) {
    delete poller;
    return result(info, error);
  }
  uv_handle_set_data(poller->handle(), poller);
  napi_value object;
  if (!makeObject(env, poller, fn, &object)) {
    poller->close();
    return result(info, -ENOMEM);
  }
  return Napi::Value(env, object);
}

}  // namespace vnet
