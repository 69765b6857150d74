// vnet-within PARENT NSFD HOSTS PROGRAM [ARGS]: executes PROGRAM in the network namespace of the descriptor
// NSFD, with the file HOSTS as its /etc/hosts and with its own /sys. The program is killed when the
// thread that started it ends; PARENT is its process id. If that fails, one line on stderr gives the reason.
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

namespace {

constexpr int kFailure = 1;
/** As shells have it for a program that is not there, or cannot be executed. */
constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "vnet: %s: %s\n", what, std::strerror(errno));
  std::exit(kFailure);
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
  if (::setns(fd, CLONE_NEWNET) != 0) fail("setns");
  ::close(fd);
  if (::unshare(CLONE_NEWNS) != 0) fail("unshare");
  if (::mount("", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) fail("mount /");
  if (::mount(arguments[3], "/etc/hosts", nullptr, MS_BIND, nullptr) != 0) fail("mount /etc/hosts");
  // /sys shows the interfaces of the namespace that mounted it.
  if (::umount2("/sys", MNT_DETACH) == 0) ::mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  ::execvp(arguments[4], arguments + 4);
  std::fprintf(stderr, "vnet: %s: %s\n", arguments[4], std::strerror(errno));
  return errno == ENOENT ? kNotFound : kNotExecutable;
}
