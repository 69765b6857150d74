// tcpdump where root is the only user. Started by root it changes to another user, or with `-Z
// root` to root, and in both cases sets its groups, which a user namespace without mapped groups
// forbids.
#ifndef VNET_NATIVE_ROOTLESS_TCPDUMP_H
#define VNET_NATIVE_ROOTLESS_TCPDUMP_H

namespace vnet {

/** The word with which the script starts the launcher. */
constexpr const char* kKeepGroups = "--keep-groups";

/**
 * Puts a script before tcpdump, in a directory in /run that is first in PATH: it starts tcpdump
 * with `-Z root` and keepGroups(). `launcher` is the absolute path of this program.
 */
void keepTcpdumpRoot(const char* launcher);

/** From now on setgroups(2) does nothing and succeeds, here and in programs executed from here. */
void keepGroups();

}  // namespace vnet

#endif
