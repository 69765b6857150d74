#include "netns.h"

#include <fcntl.h>
#include <node_api.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vnet {

namespace {

int openOwn() { return ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC); }

/**
 * Whether the thread may return to its own namespace `home` once it has left it; sets errno if not.
 * It may not if another user namespace owns `home`.
 */
bool canReturn(int home) { return ::setns(home, CLONE_NEWNET) == 0; }

void comeHome(int home) {
  if (::setns(home, CLONE_NEWNET) == 0) {
    ::close(home);
    return;
  }
  napi_fatal_error("vnet", NAPI_AUTO_LENGTH, "cannot return to the thread's own network namespace", NAPI_AUTO_LENGTH);
}

/** Closes a descriptor, and returns -errno of what failed before. */
int failed(int fd) {
  const int error = -errno;
  if (fd >= 0) ::close(fd);
  return error;
}

/** Whether two descriptors refer to the same namespace. */
bool isSame(int one, int other) {
  struct stat a = {};
  struct stat b = {};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

NetnsVisit::NetnsVisit(int nsfd) {
  if (nsfd == -1) return;
  // Checked first: `home` could get the number of a closed `nsfd` and be taken for it.
  const int home = ::fcntl(nsfd, F_GETFD) < 0 ? -1 : openOwn();
  if (home >= 0 && isSame(home, nsfd)) {
    // setns(2) takes CAP_SYS_ADMIN even for the thread's own namespace.
    ::close(home);
  } else if (home < 0 || !canReturn(home) || ::setns(nsfd, CLONE_NEWNET) != 0) {
    error_ = failed(home);
  } else {
    home_ = home;
  }
}

NetnsVisit::~NetnsVisit() {
  if (home_ >= 0) comeHome(home_);
}

int createNetns() {
  const int home = openOwn();
  if (home < 0 || !canReturn(home) || ::unshare(CLONE_NEWNET) != 0) return failed(home);
  const int fd = uninterrupted(openOwn);
  comeHome(home);
  return fd;
}

}  // namespace vnet
