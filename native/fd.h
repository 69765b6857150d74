// A descriptor that is closed at the end of its scope.
#ifndef VNET_NATIVE_FD_H
#define VNET_NATIVE_FD_H

#include <unistd.h>

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

}  // namespace vnet

#endif
