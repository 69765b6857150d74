// vnet-within PARENT NSFD ETC [--host KILLS [--env NAME=VALUE]...] [--alone UID:GID:HIDDEN] PROGRAM
// [ARGS]: executes PROGRAM in the network namespace of the descriptor NSFD, with the files of the
// directory ETC instead of the same files in /etc, like ip-netns(8) with /etc/netns/NAME, and with
// the /sys of the namespace. The program is killed when the thread that started it ends; PARENT is
// its process id. If that fails, one line on stderr gives the reason. With --host, see host-init.h,
// and variables are set for PROGRAM only; with --alone, see alone.h.
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

#include "alone.h"
#include "close-on-exec.h"
#include "host-init.h"
#include "sys-mount.h"

namespace {

constexpr int kFailure = 1;
/** As shells have it for a program that is not there, or cannot be executed. */
constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;

/** Prints what failed, and errno: FAILED in programs.ts of @vnet/lab reads it. */
[[noreturn]] void fail(const char* what, const char* path = "", int status = kFailure) {
  const int error = errno;
  // As src/base/errno.ts has it, where vnet itself starts a process.
  const bool isFull = error == EAGAIN;
  const char* why = isFull ? "no more processes and threads can be started" : std::strerror(error);
  const char* remedy = isFull ? "; raise ulimit -u" : "";
  std::fprintf(stderr, "vnet: %s%s: %s (errno %d)%s\n", what, path, why, error, remedy);
  std::exit(status);
}

/** Mounts each file of a directory over the file of the same name in /etc. */
void mountEtc(const std::string& path) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) fail("open ", path.c_str());
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name[0] == '.') continue;
    const std::string target = "/etc/" + name;
    if (::mount((path + "/" + name).c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) fail("mount ", target.c_str());
  }
  ::closedir(directory);
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 7 && std::strcmp(arguments[1], "--init") == 0) return vnet::runHostInit(arguments + 2);
  if (count < 5) {
    std::fputs("vnet-within: to be run by vnet only\n", stderr);
    return kFailure;
  }
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail("prctl");
  // The parent may have ended before.
  if (::getppid() != std::atoi(arguments[1])) return kFailure;
  const int fd = std::atoi(arguments[2]);
  if (::setns(fd, CLONE_NEWNET) != 0) fail("enter the network namespace");
  // The namespace's, and all that a parent left open past the streams of the program.
  if (const int error = vnet::closeOnExec(static_cast<unsigned>(fd), ~0U); error != 0) {
    errno = -error;
    fail("mark descriptors");
  }
  char** program = arguments + 4;
  if (count > 6 && std::strcmp(*program, "--host") == 0) {
    if (const char* what = vnet::enterHost(std::atoi(program[1])); what != nullptr) fail(what);
    for (program += 2; arguments + count > program + 2 && std::strcmp(*program, "--env") == 0; program += 2) {
      ::putenv(program[1]);
    }
  }
  if (::unshare(CLONE_NEWNS) != 0) fail("unshare the mount namespace");
  if (::mount("", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) fail("mount /");
  mountEtc(arguments[3]);
  vnet::mountSys();
  if (arguments + count > program + 2 && std::strcmp(*program, "--alone") == 0) {
    if (const char* what = vnet::becomeAlone(program[1]); what != nullptr) fail(what);
    program += 2;
  }
  ::execvp(*program, program);
  fail("exec ", *program, errno == ENOENT ? kNotFound : kNotExecutable);
}
