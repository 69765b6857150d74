// Network namespaces of the calling thread.
#ifndef VNET_NATIVE_NETNS_H
#define VNET_NATIVE_NETNS_H

#include <cerrno>

namespace vnet {

/** Repeats a system call while it is interrupted. Returns its result or -errno. */
template <typename Call>
int uninterrupted(Call call) {
  for (;;) {
    const auto value = call();
    if (value >= 0) return static_cast<int>(value);
    if (errno != EINTR) return -errno;
  }
}

/**
 * Moves the thread to the network namespace that `nsfd` refers to (-1: its own) and, when it is
 * destroyed, back. If the thread cannot return the process is aborted: every later socket would
 * silently be in the wrong namespace.
 */
class NetnsVisit {
 public:
  explicit NetnsVisit(int nsfd);
  ~NetnsVisit();
  NetnsVisit(const NetnsVisit&) = delete;
  NetnsVisit& operator=(const NetnsVisit&) = delete;

  /** Returns 0, or -errno if the thread has not moved. */
  int error() const { return error_; }

 private:
  /** A descriptor of the thread's own namespace, or -1. */
  int home_ = -1;
  int error_ = 0;
};

/** Returns a descriptor of a new network namespace, or -errno. */
int createNetns();

}  // namespace vnet

#endif
