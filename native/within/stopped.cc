#include "stopped.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cctype>
#include <climits>
#include <cstring>
#include <string>

namespace vnet {

namespace {

std::string linkOf(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return std::string(target, length < 0 ? 0 : length);
}

/** Calls `see` with each name of a directory that is a number, while it returns true. */
template <typename F>
bool eachNumber(const std::string& path, F see) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return true;
  bool isAll = true;
  while (const dirent* entry = isAll ? ::readdir(directory) : nullptr) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0]))) isAll = see(std::string(entry->d_name));
  }
  ::closedir(directory);
  return isAll;
}

/**
 * Whether a thread cannot run: it is neither running nor in a sleep that a signal ends. A process
 * that waits for the child of its vfork(2) sleeps in D.
 */
bool isStopped(const std::string& thread) {
  char text[512];
  const int fd = ::open((thread + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;
  const ssize_t length = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (length <= 0) return true;
  text[length] = '\0';
  // The name is in parentheses, and may contain some.
  const char* end = std::strrchr(text, ')');
  return end == nullptr || end[1] == '\0' || std::strchr("RS", end[2]) == nullptr;
}

}  // namespace

bool areOthersStopped(bool isOwnProc) {
  const std::string own = linkOf("/proc/self"), space = linkOf("/proc/self/ns/pid");
  return eachNumber("/proc", [&](const std::string& pid) {
    const std::string process = "/proc/" + pid;
    if (pid == own || !(isOwnProc || linkOf(process + "/ns/pid") == space)) return true;
    return eachNumber(process + "/task", [&](const std::string& id) { return isStopped(process + "/task/" + id); });
  });
}

}  // namespace vnet
