#include "remove-after.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "fd.h"

namespace vnet {

namespace {

constexpr int kOpenDirectories = 8;
constexpr std::string_view kSocket = ".sock";

int removeOne(const char* path, const struct stat*, int, FTW*) {
  ::remove(path);
  return 0;
}

/** Returns the names in a directory that start with `start`. */
std::vector<std::string> entries(const std::string& directory, std::string_view start) {
  std::vector<std::string> found;
  DIR* listing = ::opendir(directory.c_str());
  while (const dirent* entry = listing == nullptr ? nullptr : ::readdir(listing)) {
    if (std::string_view(entry->d_name).starts_with(start)) found.emplace_back(entry->d_name);
  }
  if (listing != nullptr) ::closedir(listing);
  return found;
}

/** Whether a file is a Unix socket on which no process listens. */
bool isDead(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  path.copy(address.sun_path, path.size());
  const Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return client && ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

/** Removes the dead sockets at paths that start with `prefix`, and their files. */
void removeSockets(const std::string& prefix) {
  const size_t slash = prefix.rfind('/');
  const std::string directory = prefix.substr(0, slash + 1);
  for (const std::string& name : entries(directory, prefix.substr(slash + 1))) {
    if (!name.ends_with(kSocket) || !isDead(directory + name)) continue;
    const std::string stem = name.substr(0, name.size() - kSocket.size() + 1);
    for (const std::string& other : entries(directory, stem)) ::unlink((directory + other).c_str());
  }
}

void remove(const std::string& what) {
  if (what.ends_with('/')) ::rmdir(what.c_str());
  else if (what.ends_with('*')) removeSockets(what.substr(0, what.size() - 1));
  else ::nftw(what.c_str(), removeOne, kOpenDirectories, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

}  // namespace

int removeAfter() {
  // A terminal's signals are not for it.
  ::setsid();
  std::string text;
  char part[4096];
  for (;;) {
    const ssize_t length = ::read(STDIN_FILENO, part, sizeof part);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    text.append(part, static_cast<size_t>(length));
  }
  for (size_t at = 0, end; (end = text.find('\0', at)) != std::string::npos; at = end + 1) remove(text.substr(at, end - at));
  return 0;
}

}  // namespace vnet
