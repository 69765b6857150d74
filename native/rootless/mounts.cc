#include "mounts.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>

#include "sys-mount.h"

namespace vnet {

namespace {

/** Mounts `from`, with everything below it, at `to`. */
bool bind(const std::string& from, const std::string& to) {
  return ::mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0;
}

/**
 * Shows in /run an entry of the outer one, which is open as `outer`. Regular files are left out:
 * they are locks and process ids of outer programs, which programs inside would meet.
 */
void keep(int outer, const std::string& name) {
  const std::string to = "/run/" + name;
  const std::string from = "/proc/self/fd/" + std::to_string(outer) + "/" + name;
  struct stat entry;
  if (::fstatat(outer, name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISDIR(entry.st_mode)) {
    if (::mkdir(to.c_str(), 0755) == 0 && !bind(from, to)) ::rmdir(to.c_str());
  } else if (S_ISSOCK(entry.st_mode)) {
    if (::mknod(to.c_str(), S_IFREG | 0600, 0) == 0 && !bind(from, to)) ::unlink(to.c_str());
  } else if (S_ISLNK(entry.st_mode)) {
    char target[PATH_MAX];
    const ssize_t length = ::readlinkat(outer, name.c_str(), target, sizeof target - 1);
    if (length < 0) return;
    target[length] = '\0';
    if (::symlink(target, to.c_str()) != 0) return;
  }
}

/** Returns 0 or an errno. */
int makeRun() {
  const int outer = ::open("/run", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (outer < 0 || ::mount("vnet", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") != 0) return errno;
  const int listed = ::openat(outer, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* directory = listed < 0 ? nullptr : ::fdopendir(listed);
  while (const dirent* entry = directory == nullptr ? nullptr : ::readdir(directory)) {
    const std::string name = entry->d_name;
    // Named namespaces and running vnets are those inside.
    if (name != "." && name != ".." && name != "netns" && name != "vnet") keep(outer, name);
  }
  if (directory != nullptr) ::closedir(directory);
  ::close(outer);
  return 0;
}

}  // namespace

int makeMounts() {
  // Keeps mounts made here from spreading. In a new user namespace they do not spread anyway.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return errno;
  if (const int error = makeRun(); error != 0) return error;
  mountSys();
  return 0;
}

}  // namespace vnet
