// Capabilities, the bounding set and no_new_privs belong to a thread, and a system call changes
// those of the calling thread only. Each other thread changes its own in a signal handler. Node's
// threads block every signal but those of the C library: 33 is the one by which glibc's setuid(2)
// does the same. Its handler is replaced for the time of the drop.
//
// The signal carries the mask of capabilities to keep as its value, so that no memory is shared
// with the handler. What each thread has is read from /proc afterwards: the handler reports
// nothing.
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
// Every handler returns by way of this call; the C library keeps its own one to itself.
extern "C" void vnet_restore_rt();
asm(".text\n.type vnet_restore_rt, @function\nvnet_restore_rt:\n  mov $15, %rax\n  syscall\n");
#endif

namespace vnet {

namespace {

/** SIGSETXID of glibc, which neither sigaction(3) nor pthread_sigmask(3) lets anybody touch. */
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

/** What /proc/self/task/TID/status says of a thread. */
struct Held {
  /** The thread's number in our pid namespace, where /proc may be that of another one. */
  pid_t thread = 0;
  uint64_t inheritable = 0;
  uint64_t permitted = 0;
  uint64_t effective = 0;
  uint64_t bounding = 0;
  uint64_t ambient = 0;
  uint64_t noNewPrivs = 0;
};

/**
 * Gives up in the calling thread what `keep` does not have; 0 or -errno. Safe in a signal handler.
 */
int dropHere(uint64_t keep) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -errno;
  for (unsigned long capability = 0; capability < 64; capability++) {
    if ((keep >> capability & 1) != 0) continue;
    // EINVAL: the kernel knows no more of them. EPERM: without CAP_SETPCAP the bounding set stays,
    // and means nothing any more.
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

/** 0, -ESRCH for a thread that is gone, or another -errno. */
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
    // The last number is the one in the innermost namespace.
    if (::strncmp(line, "NSpid:", 6) == 0) held.thread = ::atoi(::strrchr(line, '\t') + 1);
    for (const auto& field : fields) found += ::sscanf(line, field.format, &field.value) == 1 ? 1 : 0;
  }
  ::fclose(file);
  return found == 6 && held.thread > 0 ? 0 : -ESRCH;
}

bool isDone(const Held& held, uint64_t keep, uint64_t bounding) {
  return held.inheritable == 0 && held.ambient == 0 && held.noNewPrivs == 1 && (held.permitted & ~keep) == 0 &&
         (held.effective & ~keep) == 0 && (held.bounding & ~bounding) == 0;
}

/** All threads that there are now. */
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

/** Signals a thread; 0, also when it has ended, or -errno. */
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
 * Signals each thread once, so that no signal is left for the handler that comes back, and waits
 * until all have nothing to give up. A thread that was made meanwhile has what its creator had:
 * hence two passes in a row that find every thread done.
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
  // Of the whole process: no core file, and its memory and /proc files are root's.
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
  // After a failure a signal may still be on its way, which glibc's handler would take for one of
  // its own.
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
