#include "tcpdump.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace vnet {

namespace {

constexpr const char* kDirectory = "/run/vnet-bin";

/** The path of an executable file in PATH; empty if none is found. */
std::string find(const std::string& name, const std::string& path) {
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find(':', at), path.size());
    const std::string file = path.substr(at, end - at) + "/" + name;
    if (file[0] == '/' && ::access(file.c_str(), X_OK) == 0) return file;
    at = end + 1;
  }
  return "";
}

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

}  // namespace

void keepTcpdumpRoot(const char* launcher) {
  const char* given = std::getenv("PATH");
  const std::string path = given == nullptr ? "/usr/sbin:/usr/bin:/sbin:/bin" : given;
  const std::string tcpdump = find("tcpdump", path);
  if (tcpdump.empty() || ::mkdir(kDirectory, 0755) != 0) return;
  const std::string script = "#!/bin/sh\nexec " + quoted(launcher) + " " + kKeepGroups + " " + quoted(tcpdump) +
                             " -Z root \"$@\"\n";
  FILE* file = std::fopen((std::string(kDirectory) + "/tcpdump").c_str(), "we");
  if (file == nullptr) return;
  std::fputs(script.c_str(), file);
  ::fchmod(::fileno(file), 0755);
  std::fclose(file);
  ::setenv("PATH", (std::string(kDirectory) + ":" + path).c_str(), 1);
}

void keepGroups() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_setgroups, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof filter / sizeof *filter, filter};
  // Permitted to root of the user namespace. If it fails, tcpdump reports the missing permission.
  ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

}  // namespace vnet
