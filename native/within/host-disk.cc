#include "host-disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>

namespace vnet {

namespace {

/** How often the size is set while programs write. */
constexpr int kTries = 1000;

}  // namespace

const char* mountDisk(const HostDisk& disk, const std::string& etc) {
  const int files = ::open(etc.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (files < 0) return "open the directory of /etc";
  const std::string lab = etc.substr(0, etc.rfind('/')), from = "/proc/self/fd/" + std::to_string(files);
  const char *const path = disk.path.c_str();
  if (::mount("vnet", lab.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64k") != 0) return "mount the files";
  if (::mkdir(etc.c_str(), 0755) != 0 || ::mkdir(path, 0755) != 0) return "make the directories";
  if (::mount(from.c_str(), etc.c_str(), nullptr, MS_BIND, nullptr) != 0) return "mount the files of /etc";
  ::close(files);
  if (::mount("vnet", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") != 0) return "mount the disk";
  // One page is always in use, because size=0 would be no limit.
  const int page = ::open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (page < 0 || ::write(page, "", 1) != 1) return "write to the disk";
  return resizeDisk(disk, false);
}

const char* resizeDisk(const HostDisk& disk, bool isFull) {
  const char *const path = disk.path.c_str();
  for (int i = 0; i < kTries; i++) {
    struct statfs now = {};
    if (::statfs(path, &now) != 0) return "statfs of the disk";
    const unsigned long long used = (now.f_blocks - now.f_bfree) * now.f_bsize;
    const std::string size = "size=" + std::to_string(isFull ? used : disk.bytes + now.f_bsize);
    if (::mount("vnet", path, "tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV, size.c_str()) == 0) return nullptr;
    // A program has written meanwhile.
    if (errno != EINVAL) break;
  }
  return "resize the disk";
}

}  // namespace vnet
