/* A program without vnet code: private ioctls and generic netlink, as for a driver in the
 * kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a driver writes: a struct rtnl_link_stats64. */
#define DATA 25

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int request(int fd, const char *name, unsigned long cmd, struct ifreq *ifr, uint64_t *data) {
  memset(ifr, 0, sizeof *ifr);
  strncpy(ifr->ifr_name, name, IFNAMSIZ - 1);
  ifr->ifr_data = (void *)data;
  errno = 0;
  return ioctl(fd, cmd, ifr);
}

/* Prints the first word of the data. */
static int one(const char *name, unsigned long cmd, uint64_t value) {
  struct ifreq ifr;
  uint64_t data[DATA] = {value};
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const int result = request(fd, name, cmd, &ifr, data);
  const int error = errno;
  printf("%d %s data=%lu mtu=%d\n", result, result < 0 ? strerrorname_np(error) : "ok", (unsigned long)data[0],
         result > 0 ? ifr.ifr_mtu : 0);
  close(fd);
  return result < 0;
}

static int bad_memory(const char *name) {
  struct ifreq ifr;
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int result = request(fd, name, SIOCDEVPRIVATE + 1, &ifr, (uint64_t *)16);
  printf("%d %s\n", result, strerrorname_np(errno));
  errno = 0;
  result = ioctl(fd, SIOCDEVPRIVATE + 1, (void *)16);
  printf("%d %s\n", result, strerrorname_np(errno));
  errno = 0;
  result = ioctl(-1, SIOCDEVPRIVATE + 1, &ifr);
  printf("%d %s\n", result, strerrorname_np(errno));
  return 0;
}

static int map(const char *name, unsigned short base) {
  struct ifreq ifr;
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  memset(&ifr, 0, sizeof ifr);
  strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
  ifr.ifr_map.irq = 5;
  ifr.ifr_map.base_addr = base;
  const int set = ioctl(fd, SIOCSIFMAP, &ifr);
  memset(&ifr.ifr_map, 0, sizeof ifr.ifr_map);
  const int get = ioctl(fd, SIOCGIFMAP, &ifr);
  printf("%d %d irq=%d base=%#x\n", set, get, ifr.ifr_map.irq, ifr.ifr_map.base_addr);
  return 0;
}

static const char *target;
static int count;

static void *many(void *unused) {
  struct ifreq ifr;
  long good = 0;
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  (void)unused;
  for (int i = 0; i < count; i++) {
    uint64_t data[DATA] = {0};
    if (request(fd, target, SIOCDEVPRIVATE + 1, &ifr, data) == 0 && data[0] == 12345) good++;
  }
  close(fd);
  return (void *)good;
}

static int threads(int number) {
  pthread_t thread[1000];
  pthread_attr_t small;
  long good = 0;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  for (int i = 0; i < number; i++) pthread_create(&thread[i], &small, many, NULL);
  for (int i = 0; i < number; i++) {
    void *each;
    pthread_join(thread[i], &each);
    good += (long)each;
  }
  printf("%ld\n", good);
  return 0;
}

static int forks(void) {
  int good = 0;
  for (int i = 0; i < 4; i++) {
    if (fork() == 0) _exit((long)many(NULL) == count ? 0 : 1);
  }
  for (int i = 0; i < 4; i++) {
    int status;
    wait(&status);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) good++;
  }
  printf("%d\n", good);
  return 0;
}

/* Prints the result of a call with an ifreq and data at any address. */
static void told(const char *what, int fd, struct ifreq *ifr, uint64_t *data) {
  struct ifreq whole = {.ifr_data = (void *)data};
  memcpy(whole.ifr_name, target, strnlen(target, IFNAMSIZ - 1));
  if (ifr == NULL) ifr = &whole;
  else memcpy(ifr, &whole, offsetof(struct ifreq, ifr_data) + sizeof ifr->ifr_data);
  errno = 0;
  const int result = ioctl(fd, SIOCDEVPRIVATE + 1, ifr);
  printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
}

/* In the last bytes before unmapped memory, across two pages, one byte too far, and in read-only
 * memory. */
static int borders(void) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *end = pages + 2 * 4096;
  uint64_t data[DATA];
  munmap(end, 4096);
  told("last", fd, (void *)(end - sizeof(struct ifreq)), data);
  told("over", fd, (void *)(pages + 4096 - 20), (void *)(pages + 4096 - 3));
  told("behind", fd, (void *)(end - sizeof(struct ifreq) + 1), data);
  told("data last", fd, NULL, (void *)(end - sizeof data));
  told("data behind", fd, NULL, (void *)(end - sizeof data + 1));
  mprotect(pages, 4096, PROT_READ);
  told("data read only", fd, NULL, (void *)pages);
  return 0;
}

static int in_clone(void *unused) {
  uint64_t data[DATA];
  (void)unused;
  told("clone", socket(AF_INET, SOCK_DGRAM, 0), NULL, data);
  return 0;
}

/* From processes and descriptors of all kinds. */
static int ways(void) {
  static char stack[65536] __attribute__((aligned(16)));
  uint64_t data[DATA];
  close_range(3, ~0U, 0);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  told("closed", fd, NULL, data);
  told("high", dup2(fd, 2000), NULL, data);
  if (vfork() == 0) {
    told("vfork", fd, NULL, data);
    _exit(0);
  }
  waitpid(clone(in_clone, stack + sizeof stack, CLONE_VM | CLONE_FILES | SIGCHLD, NULL), NULL, 0);
  told("chroot", chroot("/proc/self/fdinfo") == 0 ? fd : -1, NULL, data);
  told("unshared", unshare(CLONE_NEWNET) == 0 ? fd : -1, NULL, data);
  told("elsewhere", socket(AF_INET, SOCK_DGRAM, 0), NULL, data);
  return 0;
}

/* A call without a reply from the driver, and the memory of the call once the driver continues. */
static int late(void) {
  struct ifreq ifr;
  uint64_t data[DATA], after[DATA];
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  printf("%d\n", request(fd, target, SIOCDEVPRIVATE + 1, &ifr, data));
  getchar();
  memset(data, 0x55, sizeof data);
  const int result = request(fd, target, SIOCDEVPRIVATE + 1, &ifr, data);
  printf("%d %s\n", result, strerrorname_np(errno));
  getchar();
  const int then = request(fd, target, SIOCDEVPRIVATE + 1, &ifr, after);
  printf("%d %s\n", then, data[0] == 0x5555555555555555 ? "untouched" : "written to");
  return 0;
}

static void *execute(void *program) {
  execl(program, program, "ioctl", target, "89f2", (char *)NULL);
  return NULL;
}

/* The first thread waits for a driver that does not reply while another one executes. */
static int replaced(const char *program) {
  pthread_t thread;
  struct ifreq ifr;
  pthread_create(&thread, NULL, execute, (void *)program);
  return request(socket(AF_INET, SOCK_DGRAM, 0), target, SIOCDEVPRIVATE + 3, &ifr, NULL);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Microseconds per call: mean, median and 99th percentile. */
static int bench(const char *name, unsigned long cmd) {
  struct ifreq ifr;
  uint64_t data[DATA] = {0};
  double *each = malloc(count * sizeof *each), sum = 0;
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  for (int i = 0; i < count / 10; i++) request(fd, name, cmd, &ifr, data);
  for (int i = 0; i < count; i++) {
    const double began = now();
    request(fd, name, cmd, &ifr, data);
    sum += each[i] = now() - began;
  }
  qsort(each, count, sizeof *each, ascending);
  printf("%.3f %.3f %.3f\n", sum / count, each[count / 2], each[count * 99 / 100]);
  return 0;
}

static int bench_write(void) {
  int pipes[2];
  char octet = 0;
  if (pipe(pipes) != 0) return 1;
  double total = 0;
  for (int i = 0; i < count; i++) {
    const double began = now();
    for (int k = 0; k < 1000; k++) {
      if (write(pipes[1], &octet, 1) != 1) return 1;
    }
    total += now() - began;
    char drained[1000];
    if (read(pipes[0], drained, sizeof drained) != sizeof drained) return 1;
  }
  printf("%.4f\n", total / count / 1000);
  return 0;
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signal) {
  (void)signal;
  alarms++;
}

/* A call that a driver holds, with a handler for SIGALRM without SA_RESTART. */
static int interrupted(void) {
  struct ifreq ifr;
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  printf("%d\n", getpid());
  const int result = request(socket(AF_INET, SOCK_DGRAM, 0), target, SIOCDEVPRIVATE + 4, &ifr, NULL);
  printf("%d %s signals=%d\n", result, result < 0 ? strerrorname_np(errno) : "ok", alarms);
  return 0;
}

struct message {
  struct nlmsghdr header;
  struct genlmsghdr genl;
  char bytes[4096];
};

static void put(struct message *message, int type, const void *payload, int length) {
  struct nlattr *attribute = (void *)((char *)message + NLMSG_ALIGN(message->header.nlmsg_len));
  attribute->nla_type = type;
  attribute->nla_len = NLA_HDRLEN + length;
  memcpy((char *)attribute + NLA_HDRLEN, payload, length);
  message->header.nlmsg_len = NLMSG_ALIGN(message->header.nlmsg_len) + NLA_ALIGN(attribute->nla_len);
}

static ssize_t transmit(int fd, struct message *message, const char *how) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  const size_t length = message->header.nlmsg_len;
  struct iovec two[2] = {{message, 10}, {(char *)message + 10, length - 10}};
  struct msghdr header = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = two, .msg_iovlen = 2};
  if (strcmp(how, "sendmsg") == 0) return sendmsg(fd, &header, 0);
  if (strcmp(how, "sendmmsg") == 0) {
    struct mmsghdr one = {header, 0};
    return sendmmsg(fd, &one, 1, 0) == 1 ? (ssize_t)one.msg_len : -1;
  }
  if (strcmp(how, "write") == 0) return write(fd, message, length);
  if (strcmp(how, "writev") == 0) return writev(fd, two, 2);
  return sendto(fd, message, length, 0, (struct sockaddr *)&kernel, sizeof kernel);
}

/* Receives with recvfrom if the message was sent with sendto, otherwise with recvmsg. Checks the
 * length with MSG_PEEK, and the sender. */
static ssize_t receive(int fd, struct message *into, struct sockaddr_nl *from, const char *how) {
  struct iovec part = {into, sizeof *into};
  struct msghdr header = {.msg_name = from, .msg_namelen = sizeof *from, .msg_iov = &part, .msg_iovlen = 1};
  struct pollfd readable = {fd, POLLIN, 0};
  if (poll(&readable, 1, 10000) != 1) return -1;
  if (strcmp(how, "sendto") == 0) {
    socklen_t room = sizeof *from, length = sizeof *from;
    const ssize_t seen = recvfrom(fd, into, sizeof *into, MSG_PEEK, (struct sockaddr *)from, &room);
    const ssize_t got = recvfrom(fd, into, sizeof *into, 0, (struct sockaddr *)from, &length);
    return seen == got && room == sizeof *from && length == sizeof *from ? got : -1;
  }
  const ssize_t whole = recvmsg(fd, &header, MSG_PEEK | MSG_TRUNC);
  const ssize_t length = recvmsg(fd, &header, 0);
  return whole == length && header.msg_namelen == sizeof *from ? length : -1;
}

static int family(int fd, const char *name, const char *how, int ack) {
  struct message message = {{NLMSG_LENGTH(GENL_HDRLEN), GENL_ID_CTRL, NLM_F_REQUEST, 77, 0}, {CTRL_CMD_GETFAMILY, 1, 0}, {0}};
  struct sockaddr_nl from;
  if (ack) message.header.nlmsg_flags |= NLM_F_ACK;
  put(&message, CTRL_ATTR_FAMILY_NAME, name, strlen(name) + 1);
  if (transmit(fd, &message, how) != (ssize_t)message.header.nlmsg_len) return -1;
  if (receive(fd, &message, &from, how) < 0 || message.header.nlmsg_type != GENL_ID_CTRL) return -1;
  struct nlattr *attribute = (void *)message.bytes;
  while (attribute->nla_type != CTRL_ATTR_FAMILY_ID) attribute = (void *)((char *)attribute + NLA_ALIGN(attribute->nla_len));
  const int id = *(unsigned short *)((char *)attribute + NLA_HDRLEN);
  if (ack && (receive(fd, &message, &from, how) < 0 || message.header.nlmsg_type != NLMSG_ERROR)) return -1;
  return id;
}

/* Resolves vnet_nl and sends an echo; prints the reply, its sender and its receiver. */
static int echo(const char *text, const char *how, int times) {
  struct sockaddr_nl own = {.nl_family = AF_NETLINK}, from;
  socklen_t length = sizeof own;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
  bind(fd, (struct sockaddr *)&own, sizeof own);
  getsockname(fd, (struct sockaddr *)&own, &length);
  const int kernels = family(fd, "nlctrl", how, 1);
  const int id = family(fd, "vnet_nl", how, 1);
  if (id < 0) {
    printf("no family, nlctrl %d\n", kernels);
    return 1;
  }
  struct message message;
  const double began = now();
  for (int i = 0; i < times; i++) {
    message = (struct message){{NLMSG_LENGTH(GENL_HDRLEN), id, NLM_F_REQUEST, 1000 + i, 0}, {1, 1, 0}, {0}};
    put(&message, 1, text, strlen(text) + 1);
    if (transmit(fd, &message, how) < 0) return 2;
    if (receive(fd, &message, &from, how) < 0 || message.header.nlmsg_seq != 1000u + i) return 3;
  }
  if (times > 1) {
    printf("%.3f\n", (now() - began) / times);
  } else {
    struct pollfd more = {fd, POLLIN, 0};
    printf("nlctrl=%d vnet_nl=%#x text=%s from=%u mine=%d more=%d\n", kernels, id, message.bytes + NLA_HDRLEN, from.nl_pid,
           message.header.nlmsg_pid == own.nl_pid, poll(&more, 1, 0));
  }
  return 0;
}

/* Sends three messages with one call, each to a letter's target: v is vnet_nl, k the kernel.
 * Prints the result and the replies. */
static int several(const char *whose) {
  struct message message[3], answer;
  struct iovec part[3];
  struct mmsghdr all[3] = {0};
  struct sockaddr_nl from;
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  for (int i = 0; i < 3; i++) {
    const char *name = whose[i] == 'v' ? "vnet_nl" : "nlctrl";
    message[i] = (struct message){{NLMSG_LENGTH(GENL_HDRLEN), GENL_ID_CTRL, NLM_F_REQUEST, i, 0}, {CTRL_CMD_GETFAMILY, 1, 0}, {0}};
    put(&message[i], CTRL_ATTR_FAMILY_NAME, name, strlen(name) + 1);
    part[i] = (struct iovec){&message[i], message[i].header.nlmsg_len};
    all[i].msg_hdr = (struct msghdr){.msg_iov = &part[i], .msg_iovlen = 1};
  }
  printf("%d", sendmmsg(fd, all, 3, 0));
  for (int i = 0; i < 3; i++) printf(" %d", all[i].msg_len == message[i].header.nlmsg_len);
  struct pollfd readable = {fd, POLLIN, 0};
  while (poll(&readable, 1, 0) == 1 && receive(fd, &answer, &from, "sendto") > 0) {
    printf(" %u:%s", answer.header.nlmsg_seq, answer.header.nlmsg_type == NLMSG_ERROR ? "error" : "family");
  }
  printf("\n");
  return 0;
}

static struct nlattr *attribute(void *set, int length, int type) {
  for (struct nlattr *each = set; length > 0; length -= NLA_ALIGN(each->nla_len), each = (void *)((char *)each + NLA_ALIGN(each->nla_len))) {
    if ((each->nla_type & NLA_TYPE_MASK) == type) return each;
  }
  return NULL;
}

static struct nlattr *within(struct nlattr *set, int type) { return set == NULL ? NULL : attribute(set + 1, set->nla_len - NLA_HDRLEN, type); }

/* A dump of statistics with queues: prints the numbers of messages and of datagrams of at most 4
 * KiB. */
static int statistics(void) {
  struct message message = {{NLMSG_LENGTH(GENL_HDRLEN), 0x3f0, NLM_F_REQUEST | NLM_F_DUMP, 7, 0}, {3, 1, 0}, {0}};
  const uint32_t queues = 1;
  struct sockaddr_nl from;
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  put(&message, 6, &queues, sizeof queues);
  if (transmit(fd, &message, "sendto") < 0) return 2;
  for (int found = 0, datagrams = 1;; datagrams++) {
    ssize_t left = receive(fd, &message, &from, "sendmsg");
    if (left < 0 || left > 4096) return 3;
    for (struct nlmsghdr *each = &message.header; NLMSG_OK(each, left); each = NLMSG_NEXT(each, left), found++) {
      if (each->nlmsg_type != NLMSG_DONE) continue;
      printf("%d messages, %s\n", found, datagrams > 3 ? "many datagrams" : "few");
      return 0;
    }
  }
}

/* Two sockets with the same descriptor, one after the other: the first subscribes to events, the
 * second receives none. */
static int reopened(void) {
  struct message message = {{NLMSG_LENGTH(GENL_HDRLEN), 0x3f0, NLM_F_REQUEST | NLM_F_ACK, 6, 0}, {10, 1, 0}, {0}};
  struct sockaddr_nl from;
  char octet;
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  if (transmit(fd, &message, "sendto") < 0 || receive(fd, &message, &from, "sendto") < 0) return 2;
  close(fd);
  const int again = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  if (again != fd || family(again, "vnet_nl", "sendto", 0) != 0x3f0) return 3;
  printf("0 ok\n");
  if (read(0, &octet, 1) != 1) return 4;
  const int id = family(again, "vnet_nl", "sendto", 0);
  struct pollfd more = {again, POLLIN, 0};
  printf("%#x more=%d\n", id, poll(&more, 1, 0));
  return 0;
}

/* Subscribes to events by the group from nlctrl, or by SUBSCRIBE, prints a number of them,
 * unsubscribes, and prints whether more arrive. */
static int events(const char *how, int times) {
  struct message message = {{NLMSG_LENGTH(GENL_HDRLEN), GENL_ID_CTRL, NLM_F_REQUEST, 5, 0}, {CTRL_CMD_GETFAMILY, 1, 0}, {0}};
  struct sockaddr_nl from;
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  put(&message, CTRL_ATTR_FAMILY_NAME, "vnet_nl", 8);
  if (transmit(fd, &message, "sendto") < 0 || receive(fd, &message, &from, "sendto") < 0) return 2;
  struct nlattr *groups = attribute(message.bytes, message.header.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), CTRL_ATTR_MCAST_GROUPS);
  struct nlattr *number = within(within(groups, 1), CTRL_ATTR_MCAST_GRP_ID);
  if (number == NULL) return 3;
  const int group = *(int *)(number + 1);
  const int joins = strcmp(how, "group") == 0;
  for (int begins = 1; begins >= 0; begins--) {
    if (joins) {
      errno = 0;
      const int result = setsockopt(fd, SOL_NETLINK, begins ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group, sizeof group);
      printf("%d %s\n", result, result < 0 ? strerrorname_np(errno) : "ok");
      if (result < 0) return 0;
    } else {
      const uint32_t none = 0;
      message = (struct message){{NLMSG_LENGTH(GENL_HDRLEN), 0x3f0, NLM_F_REQUEST | NLM_F_ACK, 6, 0}, {10, 1, 0}, {0}};
      if (!begins) put(&message, 29, &none, sizeof none);
      if (transmit(fd, &message, "sendto") < 0 || receive(fd, &message, &from, "sendto") < 0) return 4;
      printf("%d ok\n", ((struct nlmsgerr *)NLMSG_DATA(&message))->error);
    }
    for (int i = 0; begins && i < times; i++) {
      if (receive(fd, &message, &from, "sendto") < 0) return 5;
      const int length = message.header.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
      printf("type=%#x seq=%u from=%u event=%u of %s\n", message.header.nlmsg_type, message.header.nlmsg_seq, from.nl_pid,
             *(uint32_t *)(attribute(message.bytes, length, 28) + 1),
             (char *)(attribute(message.bytes, length, 2) + 1));
    }
  }
  /* A byte is the signal that more would have arrived by now. */
  char octet;
  struct pollfd more = {fd, POLLIN, 0};
  if (read(0, &octet, 1) != 1) return 6;
  const int other = family(fd, "vnet_nl", "sendto", 0) != 0x3f0;
  printf("more=%d\n", other + poll(&more, 1, 0));
  return 0;
}

/* A command of vnet_nl without attributes: prints the acknowledgement. */
static int ask(int cmd) {
  struct message message = {{NLMSG_LENGTH(GENL_HDRLEN), 0x3f0, NLM_F_REQUEST | NLM_F_ACK, 99, 0}, {cmd, 1, 0}, {0}};
  struct sockaddr_nl from;
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  if (transmit(fd, &message, "sendto") < 0 || receive(fd, &message, &from, "sendto") < 0) return 2;
  const int error = message.header.nlmsg_type == NLMSG_ERROR ? ((struct nlmsgerr *)NLMSG_DATA(&message))->error : 1;
  printf("%d %s\n", error == 0 ? 0 : -1, strerrorname_np(-error));
  return 0;
}

/* A dump of all families, on a socket with a receive buffer of this many bytes, 0 for the
 * default: prints their names and the sender. */
static int families(int bytes) {
  static char part[65536];
  struct sockaddr_nl from, own;
  socklen_t length = sizeof own;
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  if (bytes != 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  struct message ask = {{NLMSG_LENGTH(GENL_HDRLEN), GENL_ID_CTRL, NLM_F_REQUEST | NLM_F_DUMP, 88, 0}, {CTRL_CMD_GETFAMILY, 1, 0}, {0}};
  if (transmit(fd, &ask, "sendto") < 0) return 2;
  getsockname(fd, (struct sockaddr *)&own, &length);
  for (;;) {
    length = sizeof from;
    ssize_t left = recvfrom(fd, part, sizeof part, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (left < 0 || from.nl_pid != 0) return 3;
    for (struct nlmsghdr *each = (void *)part; NLMSG_OK(each, left); each = NLMSG_NEXT(each, left)) {
      if (each->nlmsg_seq != 88 || each->nlmsg_pid != own.nl_pid || !(each->nlmsg_flags & NLM_F_MULTI)) return 4;
      if (each->nlmsg_type == NLMSG_DONE) return recv(fd, part, sizeof part, MSG_DONTWAIT) < 0 ? 0 : 5;
      struct nlattr *attribute = (void *)((char *)NLMSG_DATA(each) + GENL_HDRLEN);
      while (attribute->nla_type != CTRL_ATTR_FAMILY_NAME) attribute = (void *)((char *)attribute + NLA_ALIGN(attribute->nla_len));
      printf("%s\n", (char *)attribute + NLA_HDRLEN);
    }
  }
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char *what = argc > 1 ? argv[1] : "";
  const char *name = target = argc > 2 ? argv[2] : "";
  const unsigned long cmd = argc > 3 ? strtoul(argv[3], NULL, 16) : 0;
  count = argc > 4 ? atoi(argv[4]) : 100;
  if (strcmp(what, "ioctl") == 0) return one(name, cmd, argc > 4 ? strtoul(argv[4], NULL, 10) : 0);
  if (strcmp(what, "bad-memory") == 0) return bad_memory(name);
  if (strcmp(what, "map") == 0) return map(name, cmd);
  if (strcmp(what, "threads") == 0) return threads(cmd);
  if (strcmp(what, "borders") == 0) return borders();
  if (strcmp(what, "ways") == 0) return ways();
  if (strcmp(what, "late") == 0) return late();
  if (strcmp(what, "replaced") == 0) return replaced(argv[0]);
  if (strcmp(what, "forks") == 0) return forks();
  if (strcmp(what, "interrupted") == 0) return interrupted();
  if (strcmp(what, "bench") == 0) return bench(name, cmd);
  if (strcmp(what, "bench-write") == 0) return bench_write();
  if (strcmp(what, "echo") == 0) return echo(name, argv[3], count == 100 ? 1 : count);
  if (strcmp(what, "statistics") == 0) return statistics();
  if (strcmp(what, "reopened") == 0) return reopened();
  if (strcmp(what, "events") == 0) return events(name, atoi(argv[3]));
  if (strcmp(what, "ask") == 0) return ask(atoi(name));
  if (strcmp(what, "several") == 0) return several(name);
  if (strcmp(what, "families") == 0) return families(atoi(name));
  return 99;
}
