#include "ids.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace vnet {

namespace {

/** Ids outside, as in subuid(5). */
struct Range {
  unsigned long first = 0;
  unsigned long count = 0;
};

/** The user's first range in /etc/subuid or /etc/subgid, which have lines of USER:FIRST:COUNT. */
Range subordinate(const char* path, uid_t uid) {
  Range range;
  FILE* file = std::fopen(path, "re");
  if (file == nullptr) return range;
  const passwd* user = ::getpwuid(uid);
  const std::string name = user == nullptr ? "" : user->pw_name;
  char line[512];
  while (range.count == 0 && std::fgets(line, sizeof line, file) != nullptr) {
    const size_t end = std::strcspn(line, ":");
    const std::string owner(line, end);
    if (owner.empty() || (owner != name && owner != std::to_string(uid))) continue;
    Range found;
    if (std::sscanf(line + end, ":%lu:%lu", &found.first, &found.count) == 2) range = found;
  }
  std::fclose(file);
  return range;
}

int wait(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return status;
}

/** Starts newuidmap or newgidmap: root inside is `id`, and ids from 1 on are `range`. */
void start(const char* program, pid_t process, unsigned id, const Range& range) {
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string of = std::to_string(process), own = std::to_string(id), first = std::to_string(range.first),
                      count = std::to_string(range.count);
    ::execlp(program, program, of.c_str(), "0", own.c_str(), "1", "1", first.c_str(), count.c_str(), nullptr);
    ::_exit(127);
  }
  if (child > 0) wait(child);
}

/** Whether the namespace's map is still unwritten: it can be written once. */
bool isEmpty(const char* path) {
  char byte = 0;
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  const bool empty = fd < 0 || ::read(fd, &byte, 1) == 0;
  if (fd >= 0) ::close(fd);
  return empty;
}

/** Writes a file of /proc/self; 0 or an errno. */
int put(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  const ssize_t written = fd < 0 ? -1 : ::write(fd, text.data(), text.size());
  const int error = written < 0 ? errno : 0;
  if (fd >= 0) ::close(fd);
  return error;
}

}  // namespace

IdMap::IdMap() : uid_(::geteuid()), gid_(::getegid()) {
  const Range users = subordinate("/etc/subuid", uid_);
  const Range groups = subordinate("/etc/subgid", uid_);
  int ends[2];
  if (users.count == 0 || groups.count == 0 || ::pipe2(ends, O_CLOEXEC) != 0) return;
  const pid_t process = ::getpid();
  child_ = ::fork();
  if (child_ != 0) {
    ::close(ends[0]);
    pipe_ = ends[1];
    return;
  }
  ::close(ends[1]);
  // The output of these programs is of no use: without them root alone is mapped.
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= STDERR_FILENO; fd++) ::dup2(null, fd);
  char go = 0;
  if (::read(ends[0], &go, 1) == 1) {
    start("newuidmap", process, uid_, users);
    start("newgidmap", process, gid_, groups);
  }
  ::_exit(0);
}

int IdMap::apply() {
  if (child_ > 0) {
    const char go = 1;
    if (::write(pipe_, &go, 1) == 1) wait(child_);
    ::close(pipe_);
  }
  int error = 0;
  if (isEmpty("/proc/self/uid_map")) error = put("/proc/self/uid_map", "0 " + std::to_string(uid_) + " 1");
  if (error == 0 && isEmpty("/proc/self/gid_map")) {
    error = put("/proc/self/setgroups", "deny");
    if (error == 0) error = put("/proc/self/gid_map", "0 " + std::to_string(gid_) + " 1");
  }
  return error;
}

}  // namespace vnet
