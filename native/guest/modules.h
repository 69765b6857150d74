// Loads kernel modules in a guest.
#ifndef VNET_NATIVE_GUEST_MODULES_H
#define VNET_NATIVE_GUEST_MODULES_H

namespace vnet {

/** Loads the modules of a directory in the order of their names. Returns the path that failed. */
const char* loadAll(const char* directory);

/**
 * `modprobe NAME [PARAMETER=VALUE...]`, as the kernel and users call it: loads what the table of
 * the image has for the name. Returns an exit status.
 */
int modprobe(int count, char** arguments);

}  // namespace vnet

#endif
