// The disk of a host: a tmpfs of a fixed size, which can be full.
#ifndef VNET_NATIVE_HOST_DISK_H
#define VNET_NATIVE_HOST_DISK_H

#include <string>

namespace vnet {

struct HostDisk {
  std::string path;
  /** How much programs may write. */
  unsigned long long bytes;
};

/**
 * Mounts the disk at ETC.disk. `etc` is the directory of the host's files in /etc, in the directory
 * of the lab. Only the owner may enter that, so that a tmpfs with both is mounted over it. Returns
 * nullptr, or what failed, with errno.
 */
const char* mountDisk(const HostDisk& disk, const std::string& etc);

/** Makes the disk as large as what is used, or as `bytes` says. Returns like mountDisk. */
const char* resizeDisk(const HostDisk& disk, bool isFull);

}  // namespace vnet

#endif
