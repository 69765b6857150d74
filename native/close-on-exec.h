// Descriptors that a program must not inherit, such as sockets that a shell left open: they would
// lead out of its namespaces.
#ifndef VNET_NATIVE_CLOSE_ON_EXEC_H
#define VNET_NATIVE_CLOSE_ON_EXEC_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace vnet {

/** Marks the open descriptors from `first` to `last` close-on-exec. Returns 0 or -errno. */
inline int closeOnExec(unsigned first, unsigned last) {
#ifdef SYS_close_range
  constexpr unsigned kCloseOnExec = 1U << 2;  // CLOSE_RANGE_CLOEXEC
  if (::syscall(SYS_close_range, first, last, kCloseOnExec) == 0) return 0;
#endif
  // Linux before 5.11, or a sandbox that does not know the call.
  DIR* open = ::opendir("/proc/self/fd");
  if (open == nullptr) return -errno;
  while (const dirent* entry = ::readdir(open)) {
    const auto fd = static_cast<unsigned>(std::atoi(entry->d_name));
    if (entry->d_name[0] == '.' || fd < first || fd > last) continue;
    const int flags = ::fcntl(static_cast<int>(fd), F_GETFD);
    if (flags >= 0) ::fcntl(static_cast<int>(fd), F_SETFD, flags | FD_CLOEXEC);
  }
  ::closedir(open);
  return 0;
}

}  // namespace vnet

#endif
