// Removes files of a process after its end, also if it was killed.
#ifndef VNET_NATIVE_REMOVE_AFTER_H
#define VNET_NATIVE_REMOVE_AFTER_H

namespace vnet {

/** The option of vnet-rootless. */
constexpr const char* kRemoveAfter = "--remove-after";

/**
 * Reads texts, each with a zero byte at its end, from standard input to its end, and then removes
 * what they name, in this order: a file or directory, with everything in it; `PREFIX*`, each Unix
 * socket of these names on which no process listens, and the files with its name and another
 * extension; a directory with `/` at its end, if it is empty. Returns the exit status.
 */
int removeAfter();

}  // namespace vnet

#endif
