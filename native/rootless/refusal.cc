#include "refusal.h"

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace vnet {

namespace {

/** The first line of a file; empty if it cannot be read. */
std::string firstLine(const char* path) {
  FILE* file = std::fopen(path, "re");
  if (file == nullptr) return "";
  char line[256] = "";
  if (std::fgets(line, sizeof line, file) == nullptr) line[0] = '\0';
  std::fclose(file);
  line[std::strcspn(line, "\n")] = '\0';
  return line;
}

/** Whether a file of /proc/sys exists and holds `value`. */
bool isSet(const char* name, const char* value) {
  return firstLine((std::string("/proc/sys/") + name).c_str()) == value;
}

/** The AppArmor profile that confines this process; empty if none does. */
std::string profile() {
  std::string label = firstLine("/proc/self/attr/apparmor/current");
  if (label.empty()) label = firstLine("/proc/self/attr/current");
  const size_t mode = label.find(" (");
  // A label of SELinux has no mode.
  return mode == std::string::npos ? "" : label.substr(0, mode);
}

/** Whether a seccomp filter applies to this process (proc(5): Seccomp is 2). */
bool isFiltered() {
  FILE* file = std::fopen("/proc/self/status", "re");
  if (file == nullptr) return false;
  bool found = false;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) found = found || std::strcmp(line, "Seccomp:\t2\n") == 0;
  std::fclose(file);
  return found;
}

std::string reachedLimit() {
  const char* kinds[] = {"user", "net", "mnt"};
  for (const char* kind : kinds) {
    const std::string name = std::string("max_") + kind + "_namespaces";
    if (isSet(("user/" + name).c_str(), "0")) {
      return "user." + name + " is 0: sudo sysctl -w user." + name + "=10000";
    }
  }
  return "a limit is reached: raise user.max_user_namespaces, user.max_net_namespaces and "
         "user.max_mnt_namespaces with sudo sysctl -w";
}

std::string forbidden(Had had) {
  // Without flags, unshare(2) does nothing and always succeeds unless it is forbidden altogether.
  if (::unshare(0) != 0) {
    return "a seccomp filter forbids it, as Docker's does: docker run --security-opt seccomp=unconfined";
  }
  // Since Linux 5.12, the id of root is mapped by a process with this capability only.
  if (had == Had::kUidOfRootAlone) {
    return "for the id of root it takes CAP_SETFCAP: docker run --cap-add SETFCAP, or --user 1000";
  }
  const std::string confined = profile();
  const bool isRestricted = isSet("kernel/apparmor_restrict_unprivileged_userns", "1");
  // In a user namespace that is not permitted, AppArmor confines the process to this profile.
  const bool isOrdinary = confined.empty() || confined.find("unprivileged_userns") != std::string::npos;
  if (isRestricted && isOrdinary) {
    return "AppArmor forbids it (kernel.apparmor_restrict_unprivileged_userns is 1): "
           "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
  }
  if (!confined.empty()) {
    return "the AppArmor profile " + confined + " forbids it: docker run --security-opt apparmor=unconfined";
  }
  if (isSet("kernel/unprivileged_userns_clone", "0")) {
    return "kernel.unprivileged_userns_clone is 0: sudo sysctl -w kernel.unprivileged_userns_clone=1";
  }
  if (isFiltered()) return "a seccomp filter forbids it, such as RestrictNamespaces= of a systemd unit";
  return "a chroot or a security module forbids it";
}

std::string reason(int error, Had had) {
  if (error == ENOSPC) return reachedLimit();
  if (error == EUSERS) return "namespaces are nested too deeply";
  if (error == EPERM || error == EACCES) return forbidden(had);
  if (error == EINVAL || error == ENOSYS) {
    return "this kernel has none, or the root directory is not a mount point (chroot)";
  }
  return std::strerror(error);
}

}  // namespace

void refuse(const char* what, int error, Had had) {
  const char* before = "";
  const char* otherwise = "";
  if (had == Had::kUser) {
    before = "without root ";
    otherwise = "; otherwise run it with sudo";
  } else if (had == Had::kUidOfRoot || had == Had::kUidOfRootAlone) {
    before = "without the capabilities of root ";
    otherwise = "; otherwise docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN";
  }
  std::fprintf(stderr, "vnet: %sit needs %s: %s%s\n", before, what, reason(error, had).c_str(), otherwise);
  std::exit(1);
}

}  // namespace vnet
