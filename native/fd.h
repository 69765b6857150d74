// File descriptors that are closed automatically: Fd at the end of its scope, OpenFds at the end of
// a thread.
#ifndef VNET_NATIVE_FD_H
#define VNET_NATIVE_FD_H

#include <unistd.h>

#include <set>

namespace vnet {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

/**
 * The descriptors that JavaScript of one environment has open. A worker can be terminated between
 * any two of its calls. Without this list its interfaces would remain until the process ends.
 */
class OpenFds {
 public:
  OpenFds() = default;
  OpenFds(const OpenFds&) = delete;
  OpenFds& operator=(const OpenFds&) = delete;
  ~OpenFds() {
    for (const int fd : fds_) ::close(fd);
  }

  /** Takes a descriptor or -errno, and returns it. */
  int add(int result) {
    if (result >= 0) fds_.insert(result);
    return result;
  }

  void remove(int fd) { fds_.erase(fd); }

 private:
  std::set<int> fds_;
};

}  // namespace vnet

#endif
