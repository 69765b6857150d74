// Whether the processes of a PID namespace are stopped.
#ifndef VNET_NATIVE_STOPPED_H
#define VNET_NATIVE_STOPPED_H

namespace vnet {

/**
 * Returns whether no thread of another process of this PID namespace can run. `isOwnProc` says that
 * /proc shows this namespace only. Otherwise namespaces inside it are not seen.
 */
bool areOthersStopped(bool isOwnProc);

}  // namespace vnet

#endif
