// Threads of the addon.
#ifndef VNET_NATIVE_THREAD_H
#define VNET_NATIVE_THREAD_H

#include <pthread.h>
#include <signal.h>

#include <cstddef>

namespace vnet {

/**
 * Starts a thread that blocks all signals, so that the same threads as before receive them.
 * Returns 0 or an errno.
 */
inline int startThread(pthread_t* thread, size_t stackBytes, void* (*run)(void*), void* data) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stackBytes);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = ::pthread_create(thread, &attributes, run, data);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace vnet

#endif
