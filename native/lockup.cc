#include "lockup.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "args.h"
#include "environment.h"
#include "rx-action.h"
#include "thread.h"

namespace vnet {

namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int kSignals[] = {SIGINT, SIGTERM};
/** Written to the eventfd when a lockup starts; its duration in ms is written when it ends. */
constexpr uint64_t kLocked = 1;
constexpr size_t kStackBytes = 128 * 1024;

/** The state of the signal handlers: one per process, like the handlers. */
std::atomic<int> signalsInLockup{0};
struct sigaction libuvActions[2];

/** Ends the process like the signal would without a handler. */
[[noreturn]] void endBy(int number) {
  ::signal(number, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, number);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(number);
  // The first process of a pid namespace does not end by its own signals.
  ::_exit(128 + number);
}

/** Calls libuv's handler for the first signal in a lockup. A second one ends the process. */
void onSignal(int number, siginfo_t* info, void* context) {
  if (signalsInLockup.fetch_add(1, std::memory_order_relaxed) > 0) endBy(number);
  const struct sigaction& libuv = libuvActions[number == kSignals[0] ? 0 : 1];
  if ((libuv.sa_flags & SA_SIGINFO) != 0) libuv.sa_sigaction(number, info, context);
  else libuv.sa_handler(number);
}

bool isOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == onSignal;
}

/** Goes before the handler of each signal that has one. */
void interceptSignals() {
  signalsInLockup.store(0, std::memory_order_relaxed);
  for (int i = 0; i < 2; i++) {
    struct sigaction now;
    if (::sigaction(kSignals[i], nullptr, &now) != 0 || isOurs(now)) continue;
    if ((now.sa_flags & SA_SIGINFO) == 0 && (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN)) continue;
    libuvActions[i] = now;
    now.sa_flags |= SA_SIGINFO;
    now.sa_sigaction = onSignal;
    ::sigaction(kSignals[i], &now, nullptr);
  }
}

void restoreSignals() {
  for (int i = 0; i < 2; i++) {
    struct sigaction now;
    // Another handler may have been set since.
    if (::sigaction(kSignals[i], nullptr, &now) == 0 && isOurs(now)) {
      ::sigaction(kSignals[i], &libuvActions[i], nullptr);
    }
  }
}

/** Reads the start of a file of procfs as text, which is empty if that fails. */
template <size_t size>
void readText(const char* path, char (&text)[size]) {
  text[0] = '\0';
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t length = ::read(fd, text, size - 1);
  text[length < 0 ? 0 : length] = '\0';
  ::close(fd);
}

/** Whether the main thread waits for an event: a lock, a descriptor, another process, a time. */
bool mainThreadSleeps() {
  char text[256];
  readText("/proc/self/stat", text);
  // The name of the program is in parentheses and may contain some.
  const char* end = std::strrchr(text, ')');
  return end != nullptr && std::strncmp(end, ") S", 3) == 0;
}

/** Whether the main thread is in the system call of an event loop. True if that is unknown. */
bool mainThreadPolls() {
  char text[32];
  readText("/proc/self/syscall", text);
  char* end = nullptr;
  const long number = std::strtol(text, &end, 10);
#ifdef SYS_epoll_wait
  if (number == SYS_epoll_wait) return true;
#endif
  return end == text || number == SYS_epoll_pwait;
}

/** The watch of the process. Made by the main thread, which frees it when its environment ends. */
class Watch {
 public:
  static int start(napi_env env, int64_t limitMs, Watch*& made);

  /** Sets the limit, whether sleeping counts, and the line that is written to `out`, or none. */
  void set(int64_t limitMs, bool countsSleep, int out, std::string line);
  int events() const { return events_; }

 private:
  Watch(RxAction& rx, int64_t limitMs);
  ~Watch();

  int begin(napi_env env);
  void stop();
  static void onEnvironmentEnd(napi_async_cleanup_hook_handle, void* data);
  static void onClosed(uv_handle_t* handle);
  static void onPrepare(uv_prepare_t* handle);
  static void onCheck(uv_check_t* handle);

  static void* thread(void* self);
  void run();
  bool wait(int64_t ns);
  void look(int64_t tick);
  void report() const;
  void notify(uint64_t value) const;

  RxAction& rx_;
  /** Allocated with uv_handle_size: uv.h guarantees no struct layout across Node versions. */
  uv_prepare_t* prepare_ = nullptr;
  uv_check_t* check_ = nullptr;
  int open_ = 0;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  int events_ = -1;
  pthread_t thread_ = {};
  bool running_ = false;
  clockid_t cpu_ = {};

  /** Written by the main thread. The loop waits for events while `calls` equals `callsAtPoll_`. */
  std::atomic<uint32_t> loops_{0};
  std::atomic<bool> polls_{false};
  std::atomic<uint32_t> callsAtPoll_{0};

  /** Guards the members up to the line. */
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t wake_;
  bool ending_ = false;
  int64_t limit_;
  bool countsSleep_ = false;
  int out_ = -1;
  std::string line_;

  /** For the watching thread alone; times in ns. */
  uint32_t lastLoops_ = 0;
  uint32_t lastCalls_ = 0;
  int64_t lastCpu_ = 0;
  int64_t stuck_ = 0;
  bool isLocked_ = false;
};

/** The only one. Used by the main thread. */
Watch* theWatch = nullptr;

int64_t read(clockid_t clock) {
  timespec now = {};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

int Watch::start(napi_env env, int64_t limitMs, Watch*& made) {
  RxAction* rx = RxAction::of(env);
  if (rx == nullptr) return -ENOMEM;
  auto* watch = new (std::nothrow) Watch(*rx, limitMs);
  if (watch == nullptr) return -ENOMEM;
  const int error = watch->begin(env);
  if (error < 0 && watch->open_ == 0) delete watch;
  if (error == 0) made = watch;
  return error;
}

Watch::Watch(RxAction& rx, int64_t limitMs) : rx_(rx), limit_(limitMs * kNsPerMs) {
  pthread_condattr_t attributes;
  ::pthread_condattr_init(&attributes);
  ::pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  ::pthread_cond_init(&wake_, &attributes);
  ::pthread_condattr_destroy(&attributes);
}

/** If this fails, and handles are open, their close callback frees the watch. */
int Watch::begin(napi_env env) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return -EINVAL;
  if (::pthread_getcpuclockid(::pthread_self(), &cpu_) != 0) return -ENOSYS;
  lastCpu_ = read(cpu_);
  lastCalls_ = rx_.calls();
  events_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (events_ < 0) return -errno;
  prepare_ = static_cast<uv_prepare_t*>(std::malloc(uv_handle_size(UV_PREPARE)));
  check_ = static_cast<uv_check_t*>(std::malloc(uv_handle_size(UV_CHECK)));
  if (prepare_ == nullptr || check_ == nullptr) return -ENOMEM;
  if (napi_add_async_cleanup_hook(env, onEnvironmentEnd, this, &hook_) != napi_ok) return -ENOMEM;
  uv_prepare_init(loop, prepare_);
  uv_check_init(loop, check_);
  open_ = 2;
  uv_handle_set_data(reinterpret_cast<uv_handle_t*>(prepare_), this);
  uv_handle_set_data(reinterpret_cast<uv_handle_t*>(check_), this);
  // Neither keeps the process alive.
  uv_unref(reinterpret_cast<uv_handle_t*>(prepare_));
  uv_unref(reinterpret_cast<uv_handle_t*>(check_));
  uv_prepare_start(prepare_, onPrepare);
  uv_check_start(check_, onCheck);
  running_ = startThread(&thread_, kStackBytes, thread, this) == 0;
  if (!running_) {
    stop();
    return -EAGAIN;
  }
  return 0;
}

Watch::~Watch() {
  ::pthread_cond_destroy(&wake_);
  if (events_ >= 0) ::close(events_);
  std::free(prepare_);
  std::free(check_);
  // Last: without its hook, the environment may end.
  if (hook_ != nullptr) napi_remove_async_cleanup_hook(hook_);
}

/** Ends the thread and closes the handles; the watch is freed later. */
void Watch::stop() {
  if (running_) {
    ::pthread_mutex_lock(&mutex_);
    ending_ = true;
    ::pthread_cond_signal(&wake_);
    ::pthread_mutex_unlock(&mutex_);
    ::pthread_join(thread_, nullptr);
    running_ = false;
  }
  restoreSignals();
  uv_close(reinterpret_cast<uv_handle_t*>(prepare_), onClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(check_), onClosed);
}

void Watch::onEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  auto* watch = static_cast<Watch*>(data);
  if (theWatch == watch) theWatch = nullptr;
  if (!uv_is_closing(reinterpret_cast<uv_handle_t*>(watch->prepare_))) watch->stop();
}

void Watch::onClosed(uv_handle_t* handle) {
  auto* watch = static_cast<Watch*>(uv_handle_get_data(handle));
  if (--watch->open_ == 0) delete watch;
}

void Watch::onPrepare(uv_prepare_t* handle) {
  auto* watch = static_cast<Watch*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(handle)));
  watch->loops_.store(watch->loops_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  watch->callsAtPoll_.store(watch->rx_.calls(), std::memory_order_relaxed);
  watch->polls_.store(true, std::memory_order_relaxed);
}

void Watch::onCheck(uv_check_t* handle) {
  auto* watch = static_cast<Watch*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(handle)));
  watch->polls_.store(false, std::memory_order_relaxed);
}

void Watch::set(int64_t limitMs, bool countsSleep, int out, std::string line) {
  ::pthread_mutex_lock(&mutex_);
  const bool isNewLimit = limit_ != limitMs * kNsPerMs;
  limit_ = limitMs * kNsPerMs;
  countsSleep_ = countsSleep;
  out_ = out;
  line_ = std::move(line);
  // A new line, after a rename for example, must not cost a wake-up.
  if (isNewLimit) ::pthread_cond_signal(&wake_);
  ::pthread_mutex_unlock(&mutex_);
}

void* Watch::thread(void* self) {
  static_cast<Watch*>(self)->run();
  return nullptr;
}

/** Checks the main thread often during a lockup, to notice its end, else seldom. */
void Watch::run() {
  ::pthread_mutex_lock(&mutex_);
  while (!ending_) {
    const int64_t tick = limit_ / (isLocked_ ? 20 : 4);
    if (wait(tick)) look(tick);
  }
  ::pthread_mutex_unlock(&mutex_);
}

/** Waits with the mutex released. Returns true if the time is over, false if it was woken. */
bool Watch::wait(int64_t ns) {
  const int64_t until = read(CLOCK_MONOTONIC) + ns;
  const timespec at = {until / 1'000'000'000, until % 1'000'000'000};
  return ::pthread_cond_timedwait(&wake_, &mutex_, &at) == ETIMEDOUT;
}

/**
 * Adds up the time that the main thread has spent in one call: its CPU time, or the tick if it
 * sleeps outside the event loop. Time in which the process was stopped, the machine suspended, or
 * the thread waited for a CPU or for a lock of the kernel does not count.
 */
void Watch::look(int64_t tick) {
  const uint32_t turns = loops_.load(std::memory_order_relaxed);
  const uint32_t calls = rx_.calls();
  const int64_t now = read(cpu_);
  const int64_t used = now - lastCpu_;
  lastCpu_ = now;
  const bool isBusy = used > tick / 4;
  // Node's own callbacks run in the poll phase, too: import() continues in one.
  const bool polls = polls_.load(std::memory_order_relaxed) && callsAtPoll_.load(std::memory_order_relaxed) == calls;
  const bool sleeps = !isBusy && (polls || countsSleep_) && mainThreadSleeps();
  if (turns != lastLoops_ || calls != lastCalls_) {
    lastLoops_ = turns;
    lastCalls_ = calls;
    if (isLocked_) {
      restoreSignals();
      notify(static_cast<uint64_t>(stuck_ / kNsPerMs));
    }
    isLocked_ = false;
    stuck_ = 0;
    return;
  }
  if (polls && sleeps && mainThreadPolls()) stuck_ = 0;
  else stuck_ += sleeps && countsSleep_ ? tick : used;
  if (isLocked_ || stuck_ < limit_) return;
  isLocked_ = true;
  interceptSignals();
  report();
}

void Watch::report() const {
  notify(kLocked);
  if (line_.empty()) return;
  // A terminal that is stopped (Ctrl-S) must not stop this thread.
  pollfd out = {out_, POLLOUT, 0};
  if (::poll(&out, 1, 0) == 1 && ::write(out_, line_.data(), line_.size()) < 0) return;
}

void Watch::notify(uint64_t value) const {
  // Fails only if the sum exceeds 64 bits.
  if (::write(events_, &value, sizeof value) < 0) return;
}

}  // namespace

Napi::Value WatchLockups(const Napi::CallbackInfo& info) {
  Args args(info);
  const auto limitMs = args.integer<int32_t>(0);
  const auto countsSleep = args.integer<int32_t>(1);
  const int out = args.fd(2);
  const Bytes line = args.bytes(3);
  if (!args.ok() || limitMs < 20) return result(info, -EINVAL);
  if (::syscall(SYS_gettid) != ::getpid()) return result(info, -EPERM);
  if (theWatch == nullptr) {
    const int error = Watch::start(info.Env(), limitMs, theWatch);
    if (error < 0) return result(info, error);
  }
  theWatch->set(limitMs, countsSleep != 0, out, std::string(reinterpret_cast<const char*>(line.data), line.length));
  return result(info, theWatch->events());
}

}  // namespace vnet
