// Explains why the kernel refuses a namespace, a map of ids or a mount, and what to do about it.
#ifndef VNET_NATIVE_ROOTLESS_REFUSAL_H
#define VNET_NATIVE_ROOTLESS_REFUSAL_H

namespace vnet {

/** The process's rights before it entered a namespace. */
enum class Had {
  /** An ordinary user's rights. */
  kUser,
  /** The uid of root, but not its capabilities. */
  kUidOfRoot,
  /** The same, without CAP_SETFCAP. */
  kUidOfRootAlone,
  /** Root's rights. */
  kRoot,
};

/**
 * Ends the process with status 1 and one line on stderr: the refused operation, the setting of the
 * machine that forbids it, and the command that changes it. `error` is the errno of the failed
 * call.
 */
[[noreturn]] void refuse(const char* what, int error, Had had);

}  // namespace vnet

#endif
