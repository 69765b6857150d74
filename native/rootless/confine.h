// A program of a stranger, such as a driver that `vnet check` looks at: see confine().
#ifndef VNET_NATIVE_ROOTLESS_CONFINE_H
#define VNET_NATIVE_ROOTLESS_CONFINE_H

#include <string>
#include <vector>

namespace vnet {

/** The rights that a program keeps in its user namespace. */
enum class Rights { kAll, kNetwork, kNone };

/**
 * To be called in new user, mount, network, process, IPC and host name namespaces. Returns, with 0,
 * in a child process: the first of the process namespace. There everything is read-only except
 * /run and /dev/shm, which are new, and bounded. The home directory, /tmp and /run have only those
 * entries that lead to one of `paths`; /dev has few devices, and /proc only processes inside.
 * Returns an errno if that is refused.
 *
 * The calling process never returns after the fork. It ends with the child's status. It kills all
 * processes inside when it is asked to end, when its own parent ends, and when they are too many or
 * have too much memory.
 */
int confine(const std::vector<std::string>& paths);

/** Gives up rights, for good. Returns 0 or an errno. */
int keepRights(Rights rights);

}  // namespace vnet

#endif
