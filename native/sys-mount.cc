#include "sys-mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>

namespace vnet {

void mountSys() {
  const int cgroups = ::open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
  // Writable or not at all: over a read-only one, `ip netns exec` fails to mount its own.
  const bool isMade = ::mount("vnet", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
  // Node and other programs read their limits from the control groups.
  const std::string from = "/proc/self/fd/" + std::to_string(cgroups);
  if (isMade && cgroups >= 0) ::mount(from.c_str(), "/sys/fs/cgroup", nullptr, MS_BIND | MS_REC, nullptr);
  if (cgroups >= 0) ::close(cgroups);
}

}  // namespace vnet
