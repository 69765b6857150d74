// The init of a host: process 1 of a PID namespace in which all programs of the host run, so that
// they can be stopped, continued and killed together, whatever they have started.
#ifndef VNET_NATIVE_HOST_INIT_H
#define VNET_NATIVE_HOST_INIT_H

#include <sys/types.h>

namespace vnet {

/** The abstract Unix socket of the init, SOCK_SEQPACKET, in the network namespace of the host. */
constexpr char kInitName[] = "vnet-host-init";

/** The first message of a launcher: a program that waits to be executed. */
struct Registration {
  /** Its process id in the host. */
  pid_t pid;
  /** How often the programs were killed before; with another number it is not started. */
  int kills;
};

/** A program that is started after any number of kills. */
constexpr int kAnyKills = -1;

/**
 * The init's replies to a launcher: first kStarted, then the status of the program as in
 * waitpid(2). A status alone means that it is not started. Further messages of a launcher are the
 * numbers of signals.
 */
constexpr int kStarted = -1;

/**
 * Runs the init of a host. `arguments` are PARENT NSFD SOCKET ETC BYTES: the process that started
 * it, descriptors of the network namespace and of a SOCK_SEQPACKET socket, the directory of the
 * host's files in /etc, and the size of its disk. The disk is a tmpfs at ETC.disk, which only
 * programs of the host see there.
 *
 * When it is ready, it sends its process id. Each reply is `ERRNO TEXT`, with 0 for success.
 * Messages are one letter: `s` stops all programs, `c` continues them, `k` kills them and removes
 * their shared memory, `f` makes the disk full, and `d` gives it its size again. It ends, with all
 * programs, at the end of the socket or of the parent.
 */
int runHostInit(char** arguments);

/**
 * Makes this process the launcher of a program, on the host of its network namespace.
 * `kills` is a number for Registration. Returns nullptr in a new process, which sees the mounts of
 * the host and may execute the program; otherwise what failed, with errno. The launcher passes
 * signals on to the program and ends in the same way. The program is killed if the launcher is.
 */
const char* enterHost(int kills);

}  // namespace vnet

#endif
