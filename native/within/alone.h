// A program that runs by itself: with the ids of the user, without rights in the namespaces around
// it, and in a PID namespace, so that everything it has started ends with it or with vnet.
#ifndef VNET_NATIVE_ALONE_H
#define VNET_NATIVE_ALONE_H

namespace vnet {

/**
 * Makes this process the program's. `text` is UID:GID:HIDDEN, the ids that the program has, and a
 * directory that it sees empty, if HIDDEN is not empty. With rights in its user namespace only
 * because of a map of ids, the process enters another user namespace, in which the program has the
 * ids and no rights. Two more processes remain: the parent of the program, which passes signals on
 * and ends with its status (128 + N for a signal), and process 1 of the PID namespace. When the
 * program stops, the parent sends SIGCHLD to its own parent, and SIGCONT when it continues. Returns
 * nullptr in the process that becomes the program; otherwise what failed, with errno.
 */
const char* becomeAlone(const char* text);

}  // namespace vnet

#endif
