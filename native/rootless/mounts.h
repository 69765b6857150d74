// The file systems of `vnet rootless`.
#ifndef VNET_NATIVE_ROOTLESS_MOUNTS_H
#define VNET_NATIVE_ROOTLESS_MOUNTS_H

namespace vnet {

/**
 * In a new mount namespace, gives the process its own /run, as `ip netns add` and running vnets
 * need it, with the directories and sockets of the outer one, and a /sys that shows its network
 * namespace. Returns 0, or the errno if /run is refused. /sys is not replaced if the kernel refuses
 * another: a container hides parts of /sys or makes it read-only, and a new one would not.
 */
int makeMounts();

}  // namespace vnet

#endif
