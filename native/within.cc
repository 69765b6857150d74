// vnet-within PARENT NSFD ETC PROGRAM [ARGS]: executes PROGRAM in the network namespace of the
// descriptor NSFD, with the files of the directory ETC in place of those in /etc, as ip-netns(8)
// does with /etc/netns/NAME, and with the /sys of the namespace. The program is killed when the
// thread that started it ends; PARENT is its process id. If that fails, one line on stderr gives
// the reason.
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr int kFailure = 1;
/** As shells have it for a program that is not there, or cannot be executed. */
constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "vnet: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(kFailure);
}

/** Mounts each file of a directory over the file of the same name in /etc. */
void mountEtc(const std::string& path) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) fail("open " + path);
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name[0] == '.') continue;
    const std::string target = "/etc/" + name;
    if (::mount((path + "/" + name).c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) fail("mount " + target);
  }
  ::closedir(directory);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) {
    std::fputs("vnet-within: to be run by vnet only\n", stderr);
    return kFailure;
  }
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail("prctl");
  // The parent may have ended before.
  if (::getppid() != std::atoi(arguments[1])) return kFailure;
  const int fd = std::atoi(arguments[2]);
  if (::setns(fd, CLONE_NEWNET) != 0) fail("enter the network namespace");
  ::close(fd);
  if (::unshare(CLONE_NEWNS) != 0) fail("unshare the mount namespace");
  if (::mount("", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) fail("mount /");
  mountEtc(arguments[3]);
  // /sys shows the interfaces of the namespace that mounted it. A container may forbid to mount it.
  ::mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  ::execvp(arguments[4], arguments + 4);
  std::fprintf(stderr, "vnet: %s: %s\n", arguments[4], std::strerror(errno));
  return errno == ENOENT ? kNotFound : kNotExecutable;
}
