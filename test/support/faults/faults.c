/**
 * An LD_PRELOAD library that fails one call of the C library. It counts calls from
 * unshare(CLONE_FILES) on, which vnet calls before it sets anything up. Calls are distinguished by
 * their site: the function and its object, such as `ioctl 400454ca` or `write /dev/net/tun`.
 *
 * FAULT_LOG: a file of LOG_SIZE bytes, which is mapped; it becomes a line per event: `C SITE` a
 * call, `F SITE` the failed one, `L FILE` a descriptor that was opened since then and is open at
 * exit. FAULT=SITE@COUNT@ERRNO: which call fails, and how. `*` instead of COUNT fails every one.
 *
 * Calls by which libuv wakes itself (pipes, eventfds) are not counted: it aborts when they fail.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LOG_SIZE = 1 << 20, FILES = 1024, TEXT = 200 };

static char* region;
static atomic_uint used;
static atomic_uint calls;
static atomic_int active;
static unsigned char openAtMark[FILES];
static char wanted[TEXT];
static unsigned nth;
static int error;
static void* program;

/** The syscall(2) of the C library, which is not counted. */
static long raw(long number, ...) {
  static long (*real)(long, ...);
  if (real == NULL) real = dlsym(RTLD_NEXT, "syscall");
  long a[6];
  va_list more;
  va_start(more, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(more, long);
  va_end(more);
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void record(char kind, const char* text) {
  char line[TEXT + 4];
  const int length = snprintf(line, sizeof line, "%c %s\n", kind, text);
  const unsigned at = atomic_fetch_add(&used, length);
  if (region != NULL && at + length < LOG_SIZE) memcpy(region + at, line, length);
}

static void* baseOf(const void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

__attribute__((constructor)) static void load(void) {
  const char* log = getenv("FAULT_LOG");
  const char* fault = getenv("FAULT");
  if (log == NULL) return;
  const int fd = raw(SYS_openat, AT_FDCWD, log, O_RDWR | O_CLOEXEC);
  region = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  raw(SYS_close, fd);
  if (region == MAP_FAILED) abort();
  if (fault != NULL) {
    const char* count = strrchr(fault, '@');
    error = atoi(count + 1);
    while (*--count != '@') {}
    nth = count[1] == '*' ? 0 : atoi(count + 1);
    snprintf(wanted, sizeof wanted, "%.*s", (int)(count - fault), fault);
  }
  // The program itself, which libuv is part of; the addon is another object.
  program = baseOf(dlsym(RTLD_DEFAULT, "uv_run"));
}

static int isOpen(int fd) { return raw(SYS_fcntl, fd, F_GETFD) >= 0; }

/**
 * Writes a name that is the same in every run. In a path, a component with a digit becomes `#` and
 * the text from its first dot; any other name is cut at its first digit and ends in `#`.
 */
static const char* plain(const char* name, char* into, size_t size) {
  const char* numbers = "0123456789";
  size_t to = 0;
  into[0] = 0;
  if (name == NULL) return into;
  if (*name != '/') {
    snprintf(into, size, "%.*s%s", (int)strcspn(name, numbers), name, strpbrk(name, numbers) == NULL ? "" : "#");
    return into;
  }
  while (*name == '/' && to < size) {
    const size_t part = 1 + strcspn(name + 1, "/"), dot = strcspn(name, ".");
    const size_t digits = strcspn(name, numbers);
    if (digits >= part) to += snprintf(into + to, size - to, "%.*s", (int)part, name);
    else to += snprintf(into + to, size - to, "/#%.*s", dot < part ? (int)(part - dot) : 0, name + dot);
    name += part;
  }
  return into;
}

/** Describes a descriptor. */
static void describe(int fd, char* into, size_t size) {
  char path[64];
  char link[TEXT] = "none";
  snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
  const long length = raw(SYS_readlinkat, AT_FDCWD, path, link, sizeof link - 1);
  if (length > 0) link[length] = 0;
  plain(link, into, size);
  if (strncmp(into, "socket:", 7) != 0) return;
  int domain = 0, type = 0, protocol = 0;
  socklen_t four = sizeof domain;
  raw(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &four);
  raw(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &four);
  raw(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &four);
  snprintf(into, size, "socket(%d,%d,%d)", domain, type, domain == AF_PACKET ? 0 : protocol);
}

static int isLibuvOwn(int fd, const char* what, const void* caller) {
  if (fd <= 2 || baseOf(caller) != program) return 0;
  return strncmp(what, "pipe:", 5) == 0 || strcmp(what, "anon_inode:[eventfd]") == 0;
}

/** Counts a call. Returns true, with errno set, if it must fail. `fd` is its descriptor, or -1. */
static int fails(const void* caller, int fd, const char* format, ...) {
  if (atomic_load(&active) == 0) return 0;
  const int before = errno;
  char site[TEXT];
  char what[TEXT / 2];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(site, sizeof site, format, arguments);
  va_end(arguments);
  if (fd >= 0) {
    describe(fd, what, sizeof what);
    if (isLibuvOwn(fd, what, caller)) return errno = before, 0;
    length += snprintf(site + length, sizeof site - length, " %s", what);
  }
  for (char* p = site; *p != 0; p++) {
    if (*p == '\n') *p = '?';
  }
  const int match = wanted[0] != 0 && strcmp(site, wanted) == 0;
  const unsigned count = match ? atomic_fetch_add(&calls, 1) + 1 : 0;
  const int failing = match && (nth == 0 || count == nth);
  record(failing ? 'F' : 'C', site);
  errno = failing ? error : before;
  return failing;
}

__attribute__((destructor)) static void unload(void) {
  if (atomic_exchange(&active, 0) == 0) return;
  for (int fd = 0; fd < FILES; fd++) {
    char what[TEXT];
    if (openAtMark[fd] || !isOpen(fd)) continue;
    describe(fd, what, sizeof what);
    record('L', what);
  }
  record('E', "exit");
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define CALLER __builtin_return_address(0)
#define PASS(name, fd, given, ...)                \
  do {                                            \
    if (fails(CALLER, fd, __VA_ARGS__)) return -1; \
    static __typeof__(&name) real;                \
    if (real == NULL) real = REAL(name);          \
    return real given;                            \
  } while (0)

int unshare(int flags) {
  if ((flags & CLONE_FILES) != 0 && atomic_load(&active) == 0) {
    for (int fd = 0; fd < FILES; fd++) openAtMark[fd] = isOpen(fd);
    atomic_store(&active, 1);
  }
  PASS(unshare, -1, (flags), "unshare %x", flags);
}

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = va_arg(more, mode_t);
  va_end(more);
  char text[TEXT];
  PASS(open, -1, (path, flags, mode), "open%s %s", (flags & O_CREAT) != 0 ? "+" : "", plain(path, text, sizeof text));
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = va_arg(more, mode_t);
  va_end(more);
  char text[TEXT];
  PASS(open64, -1, (path, flags, mode), "open%s %s", (flags & O_CREAT) != 0 ? "+" : "", plain(path, text, sizeof text));
}

int ioctl(int fd, unsigned long request, ...) {
  va_list more;
  va_start(more, request);
  void* argument = va_arg(more, void*);
  va_end(more);
  PASS(ioctl, fd, (fd, request, argument), "ioctl %lx", request);
}

/** A failed close closes the descriptor anyway. */
int close(int fd) {
  const int failing = fails(CALLER, fd, "close");
  const int status = raw(SYS_close, fd);
  if (!failing) return status;
  errno = error;
  return -1;
}

int socket(int domain, int type, int protocol) {
  PASS(socket, -1, (domain, type, protocol), "socket %d,%d,%d", domain, type & 15, protocol);
}
int bind(int fd, const struct sockaddr* to, socklen_t length) { PASS(bind, fd, (fd, to, length), "bind"); }
int listen(int fd, int backlog) { PASS(listen, fd, (fd, backlog), "listen"); }
int accept4(int fd, struct sockaddr* from, socklen_t* length, int flags) {
  PASS(accept4, fd, (fd, from, length, flags), "accept");
}
int accept(int fd, struct sockaddr* from, socklen_t* length) { PASS(accept, fd, (fd, from, length), "accept"); }
int connect(int fd, const struct sockaddr* to, socklen_t length) { PASS(connect, fd, (fd, to, length), "connect"); }
int getsockname(int fd, struct sockaddr* name, socklen_t* length) {
  PASS(getsockname, fd, (fd, name, length), "getsockname");
}
int getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  PASS(getsockopt, fd, (fd, level, name, value, length), "getsockopt %d,%d", level, name);
}
int setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  PASS(setsockopt, fd, (fd, level, name, value, length), "setsockopt %d,%d", level, name);
}
ssize_t send(int fd, const void* data, size_t length, int flags) { PASS(send, fd, (fd, data, length, flags), "send"); }
ssize_t sendto(int fd, const void* data, size_t length, int flags, const struct sockaddr* to, socklen_t size) {
  PASS(sendto, fd, (fd, data, length, flags, to, size), "sendto");
}
ssize_t sendmsg(int fd, const struct msghdr* message, int flags) { PASS(sendmsg, fd, (fd, message, flags), "sendmsg"); }
ssize_t recv(int fd, void* into, size_t length, int flags) { PASS(recv, fd, (fd, into, length, flags), "recv"); }
ssize_t recvmsg(int fd, struct msghdr* message, int flags) { PASS(recvmsg, fd, (fd, message, flags), "recvmsg"); }
ssize_t read(int fd, void* into, size_t length) { PASS(read, fd, (fd, into, length), "read"); }
ssize_t pread64(int fd, void* into, size_t length, off64_t at) { PASS(pread64, fd, (fd, into, length, at), "read"); }
ssize_t write(int fd, const void* data, size_t length) { PASS(write, fd, (fd, data, length), "write"); }
ssize_t writev(int fd, const struct iovec* parts, int count) { PASS(writev, fd, (fd, parts, count), "write"); }
ssize_t pwrite64(int fd, const void* data, size_t length, off64_t at) {
  PASS(pwrite64, fd, (fd, data, length, at), "write");
}
int fsync(int fd) { PASS(fsync, fd, (fd), "fsync"); }
int fdatasync(int fd) { PASS(fdatasync, fd, (fd), "fsync"); }
int fchmod(int fd, mode_t mode) { PASS(fchmod, fd, (fd, mode), "fchmod"); }
int rename(const char* from, const char* to) {
  char text[TEXT];
  PASS(rename, -1, (from, to), "rename %s", plain(from, text, sizeof text));
}
int unlink(const char* path) {
  char text[TEXT];
  PASS(unlink, -1, (path), "unlink %s", plain(path, text, sizeof text));
}
int mkdir(const char* path, mode_t mode) {
  char text[TEXT];
  PASS(mkdir, -1, (path, mode), "mkdir %s", plain(path, text, sizeof text));
}
int chmod(const char* path, mode_t mode) {
  char text[TEXT];
  PASS(chmod, -1, (path, mode), "chmod %s", plain(path, text, sizeof text));
}
int setns(int fd, int type) { PASS(setns, fd, (fd, type), "setns"); }
int timerfd_create(clockid_t clock, int flags) { PASS(timerfd_create, -1, (clock, flags), "timerfd_create"); }
int timerfd_settime(int fd, int flags, const struct itimerspec* next, struct itimerspec* old) {
  PASS(timerfd_settime, fd, (fd, flags, next, old), "timerfd_settime");
}
int epoll_create1(int flags) { PASS(epoll_create1, -1, (flags), "epoll_create"); }
int epoll_ctl(int epoll, int op, int fd, struct epoll_event* event) {
  PASS(epoll_ctl, fd, (epoll, op, fd, event), "epoll_ctl %d", op);
}
int epoll_pwait(int epoll, struct epoll_event* events, int count, int timeout, const sigset_t* mask) {
  PASS(epoll_pwait, epoll, (epoll, events, count, timeout, mask), "epoll_wait");
}

/**
 * The addon reads and writes frames with syscall(2), and libuv makes calls that the C library
 * lacks.
 */
long syscall(long number, ...) {
  long a[6];
  va_list more;
  va_start(more, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(more, long);
  va_end(more);
  if (number == SYS_close) return close(a[0]);
  char text[TEXT];
  const int failing = number == SYS_read    ? fails(CALLER, a[0], "read")
                      : number == SYS_write ? fails(CALLER, a[0], "write")
                      : number == SYS_statx ? fails(CALLER, (a[2] & AT_EMPTY_PATH) != 0 ? a[0] : -1, "statx %s",
                                                    plain((const char*)a[1], text, sizeof text))
                      : number == SYS_futex ? 0
                                            : fails(CALLER, -1, "syscall %ld", number);
  if (failing) return -1;
  return raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
