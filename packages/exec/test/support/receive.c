/* Ways to receive from a generic netlink socket. The replies of vnet_nl must be the same with
 * each. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAMILY 0x3f0
#define TEXT "0123456789"

static int fd;
static char bytes[512];
static volatile sig_atomic_t handled;

struct echo {
  struct nlmsghdr header;
  struct genlmsghdr genl;
  struct nlattr attribute;
  char text[12];
};

static int ask(unsigned seq) {
  struct echo echo = {{sizeof echo, FAMILY, NLM_F_REQUEST, seq, 0}, {1, 1, 0}, {NLA_HDRLEN + sizeof TEXT, 1}, TEXT};
  return send(fd, &echo, sizeof echo, 0);
}

static struct iovec parts[3] = {{bytes, 3}, {bytes + 3, 30}, {bytes + 33, sizeof bytes - 33}};

static ssize_t take(const char *how, int flags) {
  struct sockaddr_nl from = {0};
  socklen_t length = sizeof from;
  char control[64];
  struct msghdr header = {&from, sizeof from, parts, 3, control, sizeof control, 0};
  struct mmsghdr two[2] = {{header, 0}, {header, 0}};
  memset(bytes, 0, sizeof bytes);
  errno = 0;
  if (strcmp(how, "read") == 0) return read(fd, bytes, sizeof bytes);
  if (strcmp(how, "readv") == 0) return readv(fd, parts, 3);
  if (strcmp(how, "preadv2") == 0) return preadv2(fd, parts, 3, -1, 0);
  if (strcmp(how, "recv") == 0) return recv(fd, bytes, sizeof bytes, flags);
  if (strcmp(how, "recvfrom") == 0) return recvfrom(fd, bytes, sizeof bytes, flags, (struct sockaddr *)&from, &length);
  if (strcmp(how, "recvmmsg") == 0) return recvmmsg(fd, two, 2, flags | MSG_WAITFORONE, NULL) == 1 ? (ssize_t)two[0].msg_len : -1;
  return recvmsg(fd, &header, flags);
}

static void tell(const char *what, ssize_t length) {
  const struct echo *echo = (void *)bytes;
  if (length < 0) printf("%s %s\n", what, strerrorname_np(errno));
  else printf("%s %zd type=%#x seq=%u text=%s\n", what, length, echo->header.nlmsg_type, echo->header.nlmsg_seq, echo->text);
}

/* Sends a request once the first thread of this process sleeps. */
static void *asks_later(void *unused) {
  char line[256], path[64], state = 'R';
  (void)unused;
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", getpid());
  while (state != 'S' && state != 'D') {
    FILE *stat = fopen(path, "r");
    if (fgets(line, sizeof line, stat) != NULL) state = strrchr(line, ')')[2];
    fclose(stat);
  }
  ask(7);
  return NULL;
}

/* Receives the reply with a call that waited before the request was sent, then with a later one. */
static int each_way(void) {
  const char *ways[] = {"read", "readv", "preadv2", "recv", "recvfrom", "recvmsg", "recvmmsg"};
  for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, asks_later, NULL);
    tell(ways[i], take(ways[i], 0));
    pthread_join(thread, NULL);
    ask(8);
    tell(ways[i], take(ways[i], 0));
  }
  return 0;
}

static int flags(void) {
  struct timeval soon = {0, 20000};
  struct iovec small = {bytes, 10};
  struct msghdr header = {NULL, 0, &small, 1, NULL, 0, 0};
  tell("empty", take("recv", MSG_DONTWAIT));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  tell("timeout", take("recv", 0));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  tell("nonblocking", take("read", 0));
  ask(1);
  tell("peek", take("recvmsg", MSG_PEEK));
  printf("whole %zd", recvmsg(fd, &header, MSG_PEEK | MSG_TRUNC));
  printf(" truncated=%d\n", (header.msg_flags & MSG_TRUNC) != 0);
  printf("part %zd", recvmsg(fd, &header, 0));
  printf(" truncated=%d namelen=%u\n", (header.msg_flags & MSG_TRUNC) != 0, header.msg_namelen);
  tell("then", take("recv", 0));
  return 0;
}

static int ready(void) {
  struct epoll_event event = {.events = EPOLLIN};
  const int epoll = epoll_create1(0);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  ask(1);
  const int woken = epoll_wait(epoll, &event, 1, 10000);
  printf("epoll %d select %d\n", woken, select(fd + 1, &set, NULL, NULL, NULL));
  if (fork() == 0) {
    tell("child", take("read", 0));
    exit(0);
  }
  wait(NULL);
  tell("parent", take("recv", MSG_DONTWAIT));
  return 0;
}

/* Sends until there is no room, then receives every reply that had room, and no other message. */
static int full(void) {
  const int small = 4608;
  unsigned sent = 0, received = 0;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  while (ask(sent) > 0) sent++;
  tell("full", -1);
  while (take("recv", MSG_DONTWAIT) > 0) received += ((struct echo *)bytes)->header.nlmsg_type == FAMILY;
  printf("%d\n", sent > 2 && sent == received);
  ask(9);
  tell("again", take("recv", MSG_DONTWAIT));
  return 0;
}

static void on_signal(int number) {
  (void)number;
  handled++;
}

static void *sleeps(void *unused) {
  for (;;) pause();
  return unused;
}

/* Waits in a receive; SIGUSR1 has SA_RESTART, SIGUSR2 has not. Another thread blocks all
 * signals. */
static int signals(int threads) {
  struct sigaction restart = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, none = {.sa_handler = on_signal};
  sigset_t all, before;
  pthread_t thread;
  sigaction(SIGUSR1, &restart, NULL);
  sigaction(SIGUSR2, &none, NULL);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (threads) pthread_create(&thread, NULL, sleeps, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  printf("%d\n", getpid());
  tell("waited", take("recvmsg", 0));
  printf("signals %d\n", handled);
  return 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IOLBF, 0);
  fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  if (strcmp(what, "each") == 0) return each_way();
  if (strcmp(what, "flags") == 0) return flags();
  if (strcmp(what, "ready") == 0) return ready();
  if (strcmp(what, "full") == 0) return full();
  if (strcmp(what, "signals") == 0) return signals(argc > 2);
  return 99;
}
