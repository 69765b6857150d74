// The files of a guest: its root is the image with a writable layer, and so is the directory of the
// user. What changes in that directory goes back to the host.
#ifndef VNET_NATIVE_GUEST_FILES_H
#define VNET_NATIVE_GUEST_FILES_H

#include <string>

#include "mail.h"

namespace vnet {

/** Mounts /proc, /sys and /dev. Returns what failed, or null. */
const char* mountFirst();

/** The memories of a guest, in the order of their addresses: packages/guest/src/machine.ts. */
constexpr const char* kImage = "/dev/vnet/image";
constexpr const char* kOutbox = "/dev/vnet/outbox";
constexpr const char* kInbox = "/dev/vnet/inbox";
constexpr const char* kProject = "/dev/vnet/project";

/** Waits for the memories, and makes their names: the kernel numbers them in another order. */
void nameMemories();

/**
 * Makes the image, with its writable layer, the root, and mounts the user's `directory`, if any, at
 * the same path. Returns what failed, or null.
 */
const char* mountImages(const std::string& directory);

/** Sends the files of the user's directory that were made or changed. */
void sendChanges(Outbox& outbox);

}  // namespace vnet

#endif
