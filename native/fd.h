// File descriptors that are closed automatically: Fd at the end of its scope, OpenFds at the end of
// a thread.
#ifndef VNET_NATIVE_FD_H
#define VNET_NATIVE_FD_H

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
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

/** The descriptors of all environments of the process, until they are closed or released. */
class OwnedFds {
 public:
  /** Returns false if it is here already. */
  static bool insert(int fd) {
    const std::lock_guard lock(mutex_);
    return fds_.insert(fd).second;
  }

  /** Returns false if it was not here: another owner may have the number. */
  static bool erase(int fd) {
    const std::lock_guard lock(mutex_);
    return fds_.erase(fd) > 0;
  }

  static bool has(int fd) {
    const std::lock_guard lock(mutex_);
    return fds_.count(fd) > 0;
  }

 private:
  static inline std::mutex mutex_;
  static inline std::set<int> fds_;
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
    for (const int fd : fds_) {
      if (OwnedFds::erase(fd)) ::close(fd);
    }
  }

  /** Takes a descriptor or -errno, and returns it. */
  int add(int result) {
    if (result >= 0) {
      fds_.insert(result);
      OwnedFds::insert(result);
    }
    return result;
  }

  /** Takes a descriptor that the process was given. Returns 0 or -errno. */
  int adopt(int fd) {
    if (::fcntl(fd, F_GETFD) < 0) return -errno;
    if (!OwnedFds::insert(fd)) return -EBUSY;
    fds_.insert(fd);
    return 0;
  }

  void remove(int fd) { fds_.erase(fd); }

 private:
  std::set<int> fds_;
};

}  // namespace vnet

#endif
