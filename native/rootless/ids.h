// The users and groups of a user namespace.
#ifndef VNET_NATIVE_ROOTLESS_IDS_H
#define VNET_NATIVE_ROOTLESS_IDS_H

#include <sys/types.h>

namespace vnet {

/**
 * Maps root of a user namespace to the caller and, where /etc/subuid and /etc/subgid give the
 * caller subordinate ids, ids from 1 on to those. That takes newuidmap(1) and newgidmap(1), which
 * are started as a child process outside. Without them root is the only user inside, and no
 * process there can change its groups.
 */
class IdMap {
 public:
  /** Call it before the user namespace is entered. */
  IdMap();
  IdMap(const IdMap&) = delete;
  IdMap& operator=(const IdMap&) = delete;

  /** Writes the maps of the namespace that this process has entered; 0 or an errno. */
  int apply();

 private:
  uid_t uid_;
  gid_t gid_;
  /** The child that starts the programs, and a pipe to it; -1 without a child. */
  pid_t child_ = -1;
  int pipe_ = -1;
};

}  // namespace vnet

#endif
