#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "fd.h"

namespace vnet {

namespace {

/** In the first root, which remains below the image's. */
const char* const kLayers = "/layers";

/** The layer with the changes of the user's directory; -1 without one. */
int changes = -1;

bool makeDirectories(const std::string& path) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    ::mkdir(path.substr(0, at).c_str(), 0755);
  }
  return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

/** Mounts a device read-only at NAME in the layers, and at `target` with a writable layer. */
bool mountLayered(const char* device, const std::string& name, const std::string& target) {
  const Fd block(::open(device, O_RDONLY | O_CLOEXEC));
  // Blocks that the kernel has read may be older than the snapshot.
  if (!block || ::ioctl(block.get(), BLKFLSBUF) != 0) return false;
  const std::string at = std::string(kLayers) + "/" + name;
  for (const char* part : {"", "/lower", "/upper", "/work"}) ::mkdir((at + part).c_str(), 0755);
  if (::mount(device, (at + "/lower").c_str(), "squashfs", MS_RDONLY, nullptr) != 0) return false;
  const std::string options = "lowerdir=" + at + "/lower,upperdir=" + at + "/upper,workdir=" + at + "/work";
  return makeDirectories(target) && ::mount("overlay", target.c_str(), "overlay", 0, options.c_str()) == 0;
}

/** /dev has what other systems make when they start. */
void completeDev() {
  ::mkdir("/dev/pts", 0755);
  ::mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666,mode=0620");
  ::mkdir("/dev/shm", 0777);
  ::mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  ::mkdir("/dev/net", 0755);
  ::mknod("/dev/net/tun", S_IFCHR | 0666, makedev(10, 200));
  if (::symlink("/proc/self/fd", "/dev/fd") != 0 || ::symlink("fd/0", "/dev/stdin") != 0) return;
  if (::symlink("fd/1", "/dev/stdout") != 0 || ::symlink("fd/2", "/dev/stderr") != 0) return;
}

void sendFile(Outbox& outbox, const std::string& path, const struct stat& status, int fd) {
  std::vector<char> chunk(1 << 18);
  std::string content;
  const uint32_t mode = status.st_mode & 07777;
  const auto length = static_cast<uint32_t>(path.size());
  content.append(reinterpret_cast<const char*>(&mode), sizeof mode);
  content.append(reinterpret_cast<const char*>(&length), sizeof length);
  content += path;
  Mail kind = Mail::file;
  for (;;) {
    const ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count <= 0 && kind == Mail::more) return;
    if (count > 0) content.append(chunk.data(), static_cast<size_t>(count));
    outbox.send(kind, content);
    content.clear();
    kind = Mail::more;
  }
}

/** Sends a tree in the order of names. */
void sendTree(Outbox& outbox, int directory, const std::string& prefix) {
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* listing = copy < 0 ? nullptr : ::fdopendir(copy);
  std::vector<std::string> names;
  while (const dirent* entry = listing == nullptr ? nullptr : ::readdir(listing)) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (name == "." || name == "..") continue;
    struct stat status = {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const std::string path = prefix + name;
    // Other kinds remain here, such as the marks of an overlay for removed files.
    if (S_ISLNK(status.st_mode)) {
      char target[4096];
      const ssize_t length = ::readlinkat(directory, name.c_str(), target, sizeof target);
      if (length > 0) outbox.send(Mail::link, path + '\0' + std::string(target, static_cast<size_t>(length)));
      continue;
    }
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) continue;
    const Fd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) continue;
    if (S_ISDIR(status.st_mode)) sendTree(outbox, fd.get(), path + "/");
    else sendFile(outbox, path, status, fd.get());
  }
  if (listing != nullptr) ::closedir(listing);
}

}  // namespace

const char* mountFirst() {
  for (const char* name : {"/proc", "/sys", "/dev", "/new", kLayers}) ::mkdir(name, 0755);
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return "mount /proc";
  if (::mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return "mount /sys";
  // The kernel has mounted it if its build says so.
  ::mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, nullptr);
  return nullptr;
}

void nameMemories() {
  constexpr std::array kNames = {kImage, kOutbox, kInbox, kProject};
  std::map<uint64_t, std::string> devices;
  const timespec moment = {0, 10'000'000};
  while (devices.size() < kNames.size()) {
    ::nanosleep(&moment, nullptr);
    devices.clear();
    for (size_t i = 0; i < kNames.size(); i++) {
      const std::string name = "pmem" + std::to_string(i);
      uint64_t address = 0;
      std::FILE* file = std::fopen(("/sys/block/" + name + "/device/resource").c_str(), "re");
      const bool isRead = file != nullptr && std::fscanf(file, "%" SCNx64, &address) == 1;
      if (file != nullptr) std::fclose(file);
      if (isRead && ::access(("/dev/" + name).c_str(), F_OK) == 0) devices[address] = name;
    }
  }
  ::mkdir("/dev/vnet", 0755);
  size_t next = 0;
  for (const auto& [address, name] : devices) {
    if (::symlink(("../" + name).c_str(), kNames[next++]) != 0) return;
  }
}

const char* mountImages(const std::string& directory) {
  if (::mount("tmpfs", kLayers, "tmpfs", 0, nullptr) != 0) return "mount the writable layer";
  if (!mountLayered(kImage, "root", "/new")) return "mount the image";
  if (!directory.empty()) {
    if (!mountLayered(kProject, "project", "/new" + directory)) return "mount the directory";
    changes = ::open((std::string(kLayers) + "/project/upper").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  for (const char* name : {"/proc", "/sys", "/dev"}) {
    const std::string target = std::string("/new") + name;
    ::mkdir(target.c_str(), 0755);
    if (::mount(name, target.c_str(), nullptr, MS_MOVE, nullptr) != 0) return "move a mount";
  }
  if (::chdir("/new") != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || ::chroot(".") != 0) return "change the root";
  completeDev();
  ::mkdir("/tmp", 01777);
  ::mkdir("/run", 0755);
  ::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  ::mkdir("/run/netns", 0755);
  ::mkdir("/run/lock", 01777);
  ::mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  return nullptr;
}

void sendChanges(Outbox& outbox) {
  if (changes >= 0) sendTree(outbox, changes, "");
}

}  // namespace vnet
