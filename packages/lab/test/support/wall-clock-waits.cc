// Waits 50 ms in each way that takes a deadline of the wall clock, and twice by a monotonic clock.
// Prints the names of waits that have ended early. One that ends late has the test time out.
#include <pthread.h>
#include <semaphore.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <shared_mutex>
#include <thread>

using namespace std::chrono;

constexpr auto kWait = 50ms;

template <typename F>
void check(const char* name, F wait) {
  const auto began = steady_clock::now();
  wait(system_clock::now() + kWait);
  // The clock of the deadline may be read some time after the other one.
  if (steady_clock::now() - began < kWait - 1ms) std::printf("%s ", name);
}

timespec specOf(system_clock::time_point deadline) {
  const auto ns = duration_cast<nanoseconds>(deadline.time_since_epoch()).count();
  return {ns / 1000000000, ns % 1000000000};
}

int main() {
  using Point = system_clock::time_point;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable condition;
  std::timed_mutex timed;
  std::shared_timed_mutex shared;
  timed.lock();
  shared.lock();
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&plain);
  check("condition", [&](Point at) { condition.wait_until(lock, at); });
  check("condition_for", [&](Point) { condition.wait_for(lock, kWait); });
  check("sleep", [&](Point at) {
    const timespec time = specOf(at);
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, nullptr);
  });
  check("semaphore", [&](Point at) {
    const timespec time = specOf(at);
    sem_timedwait(&semaphore, &time);
  });
  check("timer", [&](Point at) {
    const itimerspec time = {{0, 0}, specOf(at)};
    const int fd = timerfd_create(CLOCK_REALTIME, 0);
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &time, nullptr);
    uint64_t count;
    if (read(fd, &count, sizeof count) != sizeof count) std::puts("read");
  });
  check("pthread", [&](Point at) {
    pthread_cond_t other = PTHREAD_COND_INITIALIZER;
    const timespec time = specOf(at);
    while (pthread_cond_timedwait(&other, &plain, &time) == 0) continue;
  });
  check("monotonic", [&](Point) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_t other;
    pthread_cond_init(&other, &attributes);
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += 50000000;
    if (time.tv_nsec >= 1000000000) time = {time.tv_sec + 1, time.tv_nsec - 1000000000};
    while (pthread_cond_timedwait(&other, &plain, &time) == 0) continue;
  });
  std::thread([&] {
    check("mutex", [&](Point at) { (void)timed.try_lock_until(at); });
    check("lock", [&](Point at) {
      const timespec time = specOf(at);
      pthread_mutex_timedlock(&plain, &time);
    });
    check("shared", [&](Point at) { (void)shared.try_lock_shared_until(at); });
  }).join();
  std::puts("done");
}
