// Capabilities, the bounding set and no_new_privs belong to a thread, and a system call changes
// only the calling thread's. Every other thread changes its own in a signal handler. Node's threads
// block every signal except the C library's. Signal 33, which glibc uses for the same purpose in
// setuid(2), is borrowed: its handler is replaced until the drop is done.
//
// The signal's value is the mask of capabilities to keep, so the handler shares no memory. The
// handler reports nothing: the result is read from /proc.
#include "privileges.h"

#include <dirent.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "args.h"

#if defined(__x86_64__)
// Every handler returns through rt_sigreturn(2). The C library does not export its own trampoline.
extern "C" void vnet_restore_rt();
asm(".text\n.type vnet_restore_rt, @function\nvnet_restore_rt:\n  mov $15, %rax\n  syscall\n");
#endif

namespace vnet {

namespace {

/**
 * glibc's SIGSETXID, which its sigaction(3) and pthread_sigmask(3) refuse to change. It is musl's
 * SIGCANCEL, and vnet cancels no thread.
 */
constexpr int kSignal = 33;
constexpr int kSetBytes = 8;
constexpr time_t kPatienceSeconds = 2;
constexpr timespec kPause = {0, 100'000};

/** struct sigaction as rt_sigaction(2) takes it, on x86_64 and aarch64. */
struct KernelAction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

/** The privileges of a thread, as in /proc/self/task/TID/status. */
struct Held {
  /** The thread's id in our pid namespace; /proc may be mounted for another one. */
  pid_t thread = 0;
  uint64_t inheritable = 0;
  uint64_t permitted = 0;
  uint64_t effective = 0;
  uint64_t bounding = 0;
  uint64_t ambient = 0;
  uint64_t noNewPrivs = 0;
};

/** Drops all but `keep` in the calling thread; 0 or -errno. Async-signal-safe. */
int dropHere(uint64_t keep) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -errno;
  for (unsigned long capability = 0; capability < 64; capability++) {
    if ((keep >> capability & 1) != 0) continue;
    // EINVAL: the kernel has no more capabilities. EPERM: without CAP_SETPCAP the bounding set is
    // kept; no_new_privs makes it harmless.
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  }
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return -errno;
  for (int i = 0; i < 2; i++) {
    data[i].permitted &= static_cast<uint32_t>(keep >> (32 * i));
    data[i].effective &= data[i].permitted;
    data[i].inheritable = 0;
  }
  return ::syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

void onSignal(int, siginfo_t* info, void*) {
  if (info->si_code != SI_QUEUE || info->si_pid != ::getpid()) return;
  const int error = errno;
  dropHere(reinterpret_cast<uintptr_t>(info->si_value.sival_ptr));
  errno = error;
}

int setAction(const KernelAction* action, KernelAction* before) {
  return ::syscall(SYS_rt_sigaction, kSignal, action, before, kSetBytes) == 0 ? 0 : -errno;
}

/** Reads a thread's status file; 0, -ESRCH if the thread has ended, or another -errno. */
int read(const char* path, Held& held) {
  FILE* file = ::fopen(path, "re");
  if (file == nullptr) return errno == ENOENT ? -ESRCH : -errno;
  const struct {
    const char* format;
    uint64_t& value;
  } fields[] = {
      {"CapInh: %" SCNx64, held.inheritable}, {"CapPrm: %" SCNx64, held.permitted},
      {"CapEff: %" SCNx64, held.effective},   {"CapBnd: %" SCNx64, held.bounding},
      {"CapAmb: %" SCNx64, held.ambient},     {"NoNewPrivs: %" SCNx64, held.noNewPrivs},
  };
  int found = 0;
  char line[256];
  while (::fgets(line, sizeof line, file) != nullptr) {
    // The last number is the id in the innermost namespace.
    if (::strncmp(line, "NSpid:", 6) == 0) held.thread = ::atoi(::strrchr(line, '\t') + 1);
    for (const auto& field : fields) found += ::sscanf(line, field.format, &field.value) == 1 ? 1 : 0;
  }
  ::fclose(file);
  return found == 6 && held.thread > 0 ? 0 : -ESRCH;
}

bool isDone(const Held& held, uint64_t keep, uint64_t bounding) {
  return held.inheritable == 0 && held.ambient == 0 && held.noNewPrivs == 1 &&
         (held.permitted & ~keep) == 0 && (held.effective & ~keep) == 0 &&
         (held.bounding & ~bounding) == 0;
}

/** Lists the threads of the process; 0 or -errno. */
int listThreads(std::vector<pid_t>& into) {
  into.clear();
  DIR* directory = ::opendir("/proc/self/task");
  if (directory == nullptr) return -errno;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') into.push_back(::atoi(entry->d_name));
  }
  ::closedir(directory);
  return 0;
}

/** Signals a thread; 0 or -errno. A thread that has ended is not an error. */
int signalThread(pid_t thread, uint64_t keep) {
  siginfo_t info = {};
  info.si_signo = kSignal;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_ptr = reinterpret_cast<void*>(static_cast<uintptr_t>(keep));
  const long sent = ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), thread, kSignal, &info);
  return sent == 0 || errno == ESRCH ? 0 : -errno;
}

bool isPast(const timespec& start) {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec - start.tv_sec > kPatienceSeconds;
}

/**
 * Signals each thread once and waits until every thread is done. Once only, so that no signal is
 * pending when glibc's handler is restored. A new thread inherits the privileges of its creator, so
 * every thread must be found done in two passes in a row.
 */
int dropInOthers(uint64_t keep, uint64_t bounding) {
  timespec start = {};
  ::clock_gettime(CLOCK_MONOTONIC, &start);
  std::vector<pid_t> threads;
  std::vector<pid_t> signalled;
  for (int clean = 0; clean < 2;) {
    if (const int error = listThreads(threads); error < 0) return error;
    bool all = true;
    for (const pid_t thread : threads) {
      Held held;
      char path[64];
      snprintf(path, sizeof path, "/proc/self/task/%d/status", thread);
      const int error = read(path, held);
      if (error == -ESRCH || (error == 0 && isDone(held, keep, bounding))) continue;
      if (error < 0) return error;
      all = false;
      if (std::find(signalled.begin(), signalled.end(), thread) != signalled.end()) continue;
      if (const int failed = signalThread(held.thread, keep); failed < 0) return failed;
      signalled.push_back(thread);
    }
    clean = all ? clean + 1 : 0;
    if (all) continue;
    if (isPast(start)) return -ETIMEDOUT;
    ::nanosleep(&kPause, nullptr);
  }
  return 0;
}

int dropEverywhere(uint64_t keep) {
  if (const int error = dropHere(keep); error < 0) return error;
  // For the whole process: no core file, and root owns its memory and /proc files.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return -errno;
  Held own;
  if (const int error = read("/proc/thread-self/status", own); error < 0) return error;
  KernelAction action = {onSignal, SA_SIGINFO | SA_RESTART, nullptr, 0};
#if defined(__x86_64__)
  constexpr unsigned long kRestorer = 0x04000000;
  action.flags |= kRestorer;
  action.restorer = vnet_restore_rt;
#endif
  KernelAction before = {};
  if (const int error = setAction(&action, &before); error < 0) return error;
  const int result = dropInOthers(keep, keep | own.bounding);
  // After a failure a signal may still be pending, which glibc's handler would take for its own.
  return result < 0 ? result : setAction(&before, nullptr);
}

}  // namespace

Napi::Value DropPrivileges(const Napi::CallbackInfo& info) {
  Args args(info);
  const auto low = args.integer<uint32_t>(0);
  const auto high = args.integer<uint32_t>(1);
  if (!args.ok()) return result(info, -EINVAL);
  return result(info, dropEverywhere(static_cast<uint64_t>(high) << 32 | low));
}

}  // namespace vnet
