#include "confine.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "sys-mount.h"

// <sys/mount.h> and <linux/mount.h> do not go together in older versions of glibc.
extern "C" int mount(const char*, const char*, const char*, unsigned long, const void*);

namespace vnet {

namespace {

/** Limits of all processes inside together. A live check has two programs of Node, 30 threads. */
constexpr int kProcesses = 128;
constexpr unsigned long kMemory = 1ul << 30;
/**
 * How often they are counted, ns. A total that is exceeded for less than this may go unnoticed. The
 * peak of a single process is noticed at its end. A fork bomb meets RLIMIT_NPROC or pid_max before.
 */
constexpr long kInterval = 100'000'000;
/**
 * Limits of each process, which hold at every moment. Node 24 reserves 512 MiB for the code of each
 * of its threads, which count for RLIMIT_DATA without being used. Threads count as processes for
 * RLIMIT_NPROC.
 */
constexpr rlim_t kData = 4ul << 30;
constexpr rlim_t kThreads = 400;
constexpr rlim_t kFileSize = 64ul << 20;
constexpr rlim_t kCpuSeconds = 120;
constexpr const char* kFiles = "mode=755,size=64m,nr_inodes=10000";

int mountTmpfs(const char* path) {
  return ::mount("vnet", path, "tmpfs", MS_NOSUID | MS_NODEV, kFiles) == 0 ? 0 : errno;
}

/** Shows what is at a path below a directory that is covered now, and open as `outer`. */
int show(int outer, const std::string& directory, const std::string& path) {
  const std::string from = "/proc/self/fd/" + std::to_string(outer) + "/" + path, to = directory + "/" + path;
  struct stat entry;
  if (::fstatat(outer, path.c_str(), &entry, 0) != 0) return 0;
  for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
    if (::mkdir((directory + "/" + path.substr(0, at)).c_str(), 0755) != 0 && errno != EEXIST) return errno;
  }
  const int made = S_ISDIR(entry.st_mode) ? ::mkdir(to.c_str(), 0755) : ::mknod(to.c_str(), S_IFREG | 0600, 0);
  // It is there already, in a directory that is shown.
  if (made != 0) return errno == EEXIST ? 0 : errno;
  return ::mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0 ? 0 : errno;
}

/** Covers a directory, and shows the given paths below it, where they exist. */
int cover(const std::string& directory, const std::vector<std::string>& paths) {
  const int outer = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (outer < 0) return 0;
  int error = mountTmpfs(directory.c_str());
  for (const std::string& path : paths) {
    if (error == 0) error = show(outer, directory, path);
  }
  ::close(outer);
  return error;
}

/** The `paths` below a directory, relative to it; a directory before what it contains. */
std::vector<std::string> pathsBelow(const std::string& directory, const std::vector<std::string>& paths) {
  const std::string prefix = directory + "/";
  std::vector<std::string> below;
  for (const std::string& path : paths) {
    if (path.size() > prefix.size() && path.compare(0, prefix.size(), prefix) == 0) below.push_back(path.substr(prefix.size()));
  }
  std::sort(below.begin(), below.end());
  return below;
}

std::string homeDirectory() {
  const char* home = std::getenv("HOME");
  char path[PATH_MAX];
  return home == nullptr || *home == '\0' || ::realpath(home, path) == nullptr ? "" : path;
}

int makeDev() {
  if (const int error = cover("/dev", {"null", "zero", "full", "random", "urandom"}); error != 0) return error;
  return ::symlink("/proc/self/fd", "/dev/fd") == 0 ? 0 : errno;
}

void set(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (::write(fd, text, std::strlen(text)) < 0) {
    // An older kernel has no such setting for a namespace; other limits hold.
  }
  ::close(fd);
}

int setReadOnly(const char* path, bool isReadOnly, unsigned flags) {
  mount_attr attributes = {};
  (isReadOnly ? attributes.attr_set : attributes.attr_clr) = MOUNT_ATTR_RDONLY;
  return ::syscall(__NR_mount_setattr, AT_FDCWD, path, flags, &attributes, sizeof attributes) == 0 ? 0 : errno;
}

int makeFiles(const std::vector<std::string>& paths) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return errno;
  char directory[PATH_MAX];
  const bool hasDirectory = ::getcwd(directory, sizeof directory) != nullptr;
  const int tun = ::open("/dev/net", O_PATH | O_DIRECTORY | O_CLOEXEC);
  const std::string home = homeDirectory();
  for (const std::string& path : {std::string("/run"), std::string("/tmp"), home}) {
    if (path.size() < 2) continue;
    if (const int error = cover(path, pathsBelow(path, paths)); error != 0) return error;
  }
  if (const int error = makeDev(); error != 0) return error;
  if (tun >= 0 && ::mkdir("/dev/net", 0755) == 0) {
    if (const int error = show(tun, "/dev/net", "tun"); error != 0) return error;
    ::close(tun);
  }
  mountSys();
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return errno;
  // The kernel transmits no frames of its own accord.
  set("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
  // A namespace inside would give new rights.
  set("/proc/sys/user/max_user_namespaces", "0");
  // Of this namespace since Linux 6.14. RLIMIT_NPROC does not hold for root.
  set("/proc/sys/kernel/pid_max", "1000");
  if (::mkdir("/dev/shm", 01777) != 0 || ::mkdir("/run/tmp", 01777) != 0) return errno;
  if (const int error = mountTmpfs("/dev/shm"); error != 0) return error;
  if (const int error = setReadOnly("/", true, AT_RECURSIVE); error != 0) return error;
  for (const char* path : {"/run", "/dev/shm"}) {
    if (const int error = setReadOnly(path, false, 0); error != 0) return error;
  }
  ::setenv("TMPDIR", "/run/tmp", 1);
  return hasDirectory && ::chdir(directory) == 0 ? 0 : ::chdir("/") == 0 ? 0 : errno;
}

void setLimits() {
  const rlimit threads = {kThreads, kThreads}, size = {kFileSize, kFileSize}, cpu = {kCpuSeconds, kCpuSeconds},
               data = {kData, kData}, none = {0, 0};
  ::setrlimit(RLIMIT_NPROC, &threads);
  ::setrlimit(RLIMIT_FSIZE, &size);
  ::setrlimit(RLIMIT_CPU, &cpu);
  ::setrlimit(RLIMIT_DATA, &data);
  ::setrlimit(RLIMIT_CORE, &none);
}

constexpr const char* kTooMuch = "more than 1 GiB of memory";

/** Names the limit that the processes inside exceed; nullptr if none. /proc is theirs. */
const char* excess() {
  // This process is not among them: /proc still shows the processes outside.
  if (::access("/proc/self", F_OK) == 0) return nullptr;
  DIR* directory = ::opendir("/proc");
  if (directory == nullptr) return nullptr;
  int processes = 0;
  unsigned long pages = 0;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    processes++;
    const std::string path = std::string("/proc/") + entry->d_name + "/statm";
    FILE* file = std::fopen(path.c_str(), "re");
    unsigned long resident = 0;
    if (file != nullptr && std::fscanf(file, "%*u %lu", &resident) == 1) pages += resident;
    if (file != nullptr) std::fclose(file);
  }
  ::closedir(directory);
  if (processes > kProcesses) return "more than 128 processes";
  return pages > kMemory / static_cast<unsigned long>(::sysconf(_SC_PAGESIZE)) ? kTooMuch : nullptr;
}

/** Prints what the programs have exceeded: LIMITED in worker.ts of @vnet/learn reads it. */
void mention(const char* problem) { std::fprintf(stderr, "vnet: ended: %s\n", problem); }

/** Waits for the child, and ends this process with its status. */
[[noreturn]] void watch(pid_t child, const sigset_t& signals) {
  const timespec interval = {0, kInterval};
  // The count and the child's end may both show an excess, and it is printed once.
  const char* mentioned = nullptr;
  for (;;) {
    int status = 0;
    rusage used = {};
    if (::wait4(child, &status, WNOHANG, &used) == child) {
      // The most of any process that was waited for, KiB.
      if (static_cast<unsigned long>(used.ru_maxrss) > kMemory / 1024) {
        if (mentioned == nullptr) mention(kTooMuch);
        std::exit(128 + SIGKILL);
      }
      std::exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
    const int signal = ::sigtimedwait(&signals, nullptr, &interval);
    const char* problem = excess();
    if (problem != nullptr && mentioned == nullptr) mention(mentioned = problem);
    if (problem != nullptr || (signal > 0 && signal != SIGCHLD)) ::kill(child, SIGKILL);
  }
}

/**
 * From now on no mount can be changed, and no namespace entered but a network namespace: read-only
 * mounts remain read-only for a program with CAP_SYS_ADMIN. Returns 0 or an errno.
 */
int denyMounts() {
#if defined(__x86_64__)
  constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
#else
  constexpr uint32_t kArch = AUDIT_ARCH_AARCH64;
#endif
  /** open_tree_attr(2) of Linux 6.15. Newer calls may change mounts, too. */
  constexpr uint32_t kNewCalls = 467;
  const uint32_t denied[] = {__NR_mount,      __NR_umount2, __NR_mount_setattr, __NR_move_mount, __NR_open_tree,
                             __NR_fsopen,     __NR_fsmount, __NR_fsconfig,      __NR_fspick,     __NR_pivot_root,
                             __NR_chroot,     __NR_unshare, __NR_bpf,           __NR_ptrace};
  const sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                    deny = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0),
      deny,
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      // The x32 calls of x86-64, too: their numbers are from 0x40000000.
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kNewCalls, 0, 1),
      deny,
  };
  for (const uint32_t number : denied) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    filter.push_back(deny);
  }
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_setns, 0, 3));
  // The low half of the second argument, on these little-endian machines.
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + sizeof(uint64_t)));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CLONE_NEWNET, 1, 0));
  filter.push_back(deny);
  filter.push_back(allow);
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : errno;
}

}  // namespace

int confine(const std::vector<std::string>& paths) {
  sigset_t signals, before;
  ::sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child > 0) watch(child, signals);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  // Without the terminal, into which it could type.
  ::setsid();
  if (const int error = makeFiles(paths); error != 0) return error;
  setLimits();
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : errno;
}

int keepRights(Rights rights) {
  if (rights == Rights::kAll) return 0;
  for (int each = 0; each < 64; each++) {
    // Entering a named network namespace takes CAP_SYS_ADMIN.
    const bool isKept = each >= CAP_NET_BROADCAST && each <= CAP_NET_RAW;
    if (rights == Rights::kNetwork && (isKept || each == CAP_SYS_ADMIN)) continue;
    if (::prctl(PR_CAPBSET_DROP, each) != 0 && errno != EINVAL) return errno;
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return rights == Rights::kNetwork ? denyMounts() : 0;
}

}  // namespace vnet
