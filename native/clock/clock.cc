// vnet-clock.so, which is preloaded into the programs of a host: their wall clock is as far ahead
// as the file VNET_CLOCK says. Monotonic clocks do not change. The file is struct Shared. Its
// writer writes the offset that is not active, and then makes it active. Times of files are the
// kernel's.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#ifndef __THROW
// musl declares its functions without an exception specification.
#define __THROW
#endif

namespace {

constexpr int64_t kSecond = 1000000000;
/**
 * Seconds. A later deadline is of the wall clock, an earlier one of a clock that starts with the
 * machine: whoever waits need not say which.
 */
constexpr time_t kWallClock = 1000000000;

struct Shared {
  /** Nanoseconds. */
  int64_t offsets[2];
  uint8_t active;
};

const Shared* shared = nullptr;

__attribute__((constructor)) void openShared(int, char**, char** environment) {
  constexpr char kName[] = "VNET_CLOCK=";
  for (char** each = environment; each != nullptr && *each != nullptr; each++) {
    if (std::strncmp(*each, kName, sizeof kName - 1) != 0) continue;
    const int fd = ::open(*each + sizeof kName - 1, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    void* at = ::mmap(nullptr, sizeof(Shared), PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    if (at != MAP_FAILED) shared = static_cast<const Shared*>(at);
    return;
  }
}

int64_t offset() {
  if (shared == nullptr) return 0;
  const uint8_t active = __atomic_load_n(&shared->active, __ATOMIC_ACQUIRE) & 1;
  return __atomic_load_n(&shared->offsets[active], __ATOMIC_RELAXED);
}

bool isWallClock(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_TAI;
}

timespec later(const timespec& time, int64_t by) {
  timespec result = {time.tv_sec + by / kSecond, time.tv_nsec + by % kSecond};
  if (result.tv_nsec >= kSecond) result = {result.tv_sec + 1, result.tv_nsec - kSecond};
  if (result.tv_nsec < 0) result = {result.tv_sec - 1, result.tv_nsec + kSecond};
  return result;
}

/** A deadline in the kernel's time. Invalid and very late deadlines do not change. */
class Deadline {
 public:
  Deadline(const timespec* time, bool isWall) : time_(time) {
    if (time == nullptr || !isWall || time->tv_nsec < 0 || time->tv_nsec >= kSecond) return;
    if (time->tv_sec <= kWallClock || time->tv_sec > INT32_MAX * int64_t{8}) return;
    real_ = later(*time, -offset());
    // The kernel refuses times before 1970, which have passed.
    if (real_.tv_sec < 0) real_ = {0, 0};
    time_ = &real_;
  }

  const timespec* get() const { return time_; }

 private:
  const timespec* time_;
  timespec real_ = {0, 0};
};

/**
 * Returns the function of libc. None may be missing: an error allocates, and allocators ask for the
 * time.
 */
template <typename F>
F next(F& known, const char* name) {
  if (known == nullptr) known = reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
  return known;
}

#define NEXT(function) ([] { static decltype(&::function) known; return next(known, #function); }())

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int clock_gettime(clockid_t clock, timespec* time) __THROW {
  const int result = NEXT(clock_gettime)(clock, time);
  if (result == 0 && isWallClock(clock)) *time = later(*time, offset());
  return result;
}

int gettimeofday(timeval* __restrict time, void* __restrict zone) __THROW {
  const int result = NEXT(gettimeofday)(time, zone);
  // Older libraries allow null, although the declaration does not.
  asm("" : "+r"(time));
  if (result != 0 || time == nullptr) return result;
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* into) __THROW {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(timespec* time, int base) __THROW {
  const int result = NEXT(timespec_get)(time, base);
  if (result == TIME_UTC) *time = later(*time, offset());
  return result;
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec* left) {
  const Deadline deadline(time, isWallClock(clock) && (flags & TIMER_ABSTIME) != 0);
  return NEXT(clock_nanosleep)(clock, flags, deadline.get(), left);
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* time) {
  static decltype(&::pthread_cond_timedwait) known;
#if defined(__x86_64__) && defined(__GLIBC__)
  // Without a version, dlsym may return the function of glibc before 2.3.2.
  if (known == nullptr) known = reinterpret_cast<decltype(known)>(::dlvsym(RTLD_NEXT, __func__, "GLIBC_2.3.2"));
#endif
  return next(known, __func__)(condition, mutex, Deadline(time, true).get());
}

int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* time) __THROW {
  return NEXT(pthread_mutex_timedlock)(mutex, Deadline(time, true).get());
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t* lock, const timespec* time) __THROW {
  return NEXT(pthread_rwlock_timedrdlock)(lock, Deadline(time, true).get());
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t* lock, const timespec* time) __THROW {
  return NEXT(pthread_rwlock_timedwrlock)(lock, Deadline(time, true).get());
}

int sem_timedwait(sem_t* semaphore, const timespec* time) {
  return NEXT(sem_timedwait)(semaphore, Deadline(time, true).get());
}

#ifdef __GLIBC__
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* time) {
  return NEXT(pthread_cond_clockwait)(condition, mutex, clock, Deadline(time, isWallClock(clock)).get());
}

int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const timespec* time) __THROW {
  return NEXT(pthread_mutex_clocklock)(mutex, clock, Deadline(time, isWallClock(clock)).get());
}

int sem_clockwait(sem_t* semaphore, clockid_t clock, const timespec* time) {
  return NEXT(sem_clockwait)(semaphore, clock, Deadline(time, isWallClock(clock)).get());
}
#endif

int timerfd_settime(int fd, int flags, const itimerspec* timer, itimerspec* before) __THROW {
  if (timer == nullptr) return NEXT(timerfd_settime)(fd, flags, timer, before);
  const Deadline deadline(&timer->it_value, (flags & TFD_TIMER_ABSTIME) != 0);
  const itimerspec real = {timer->it_interval, *deadline.get()};
  return NEXT(timerfd_settime)(fd, flags, &real, before);
}

int timer_settime(timer_t id, int flags, const itimerspec* timer, itimerspec* before) __THROW {
  if (timer == nullptr) return NEXT(timer_settime)(id, flags, timer, before);
  const Deadline deadline(&timer->it_value, (flags & TIMER_ABSTIME) != 0);
  const itimerspec real = {timer->it_interval, *deadline.get()};
  return NEXT(timer_settime)(id, flags, &real, before);
}

}  // extern "C"
#pragma GCC visibility pop
