// The /sys of a network namespace.
#ifndef VNET_NATIVE_SYS_MOUNT_H
#define VNET_NATIVE_SYS_MOUNT_H

namespace vnet {

/**
 * Mounts a /sys that shows the interfaces of the network namespace, with the control groups of the
 * old one. Leaves the old one if the kernel refuses, as it does in some containers.
 */
void mountSys();

}  // namespace vnet

#endif
