/* Clients of a running vnet that ask a lot, and clients that behave badly. PORT is the vnet's.
 *
 *   control-load echo PORT ID COUNT WINDOW   COUNT echoes, WINDOW of them under way; says how many came back, and how many
 *                                            were of somebody else, or out of turn
 *   control-load flood PORT COUNT SEED       sends COUNT datagrams as fast as they are taken: echoes one by one, datagrams full
 *                                            of requests, garbage; reads nothing
 *   control-load deaf PORT SOCKETS COUNT     asks COUNT times by each socket for what is long, reads nothing; says "sent" and stays
 *   control-load subscribe PORT COUNT        COUNT sockets that subscribe; says how many were taken, reads no event, and stays
 *   control-load killed PORT COUNT           COUNT processes one after the other that subscribe, ask, and are killed half-way
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAMILY = 0x3f0, ECHO = 1, GET_STATS = 3, SUBSCRIBE = 10, SCOPE = 6, TEXT = 1 };
static struct sockaddr_nl vnet = {.nl_family = AF_NETLINK};

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* A socket with a port of its own, which is answered. What is not there within 20 s does not come. */
static int open_socket(uint32_t *own) {
  struct sockaddr_nl sa = {.nl_family = AF_NETLINK};
  socklen_t length = sizeof sa;
  const struct timeval limit = {20, 0};
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
  if (fd < 0 || bind(fd, (void *)&sa, sizeof sa) < 0 || getsockname(fd, (void *)&sa, &length) < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (own != NULL) *own = sa.nl_pid;
  return fd;
}

/* Writes a request with one attribute, or none; its length, which is a multiple of 4. */
static size_t put(char *at, int cmd, int flags, uint32_t seq, int type, const void *payload, size_t size) {
  const size_t attribute = type == 0 ? 0 : NLA_ALIGN(NLA_HDRLEN + size), length = NLMSG_HDRLEN + GENL_HDRLEN + attribute;
  memset(at, 0, length);
  *(struct nlmsghdr *)at = (struct nlmsghdr){length, FAMILY, NLM_F_REQUEST | flags, seq, 0};
  *(struct genlmsghdr *)(at + NLMSG_HDRLEN) = (struct genlmsghdr){cmd, 1, 0};
  if (type != 0) {
    *(struct nlattr *)(at + NLMSG_HDRLEN + GENL_HDRLEN) = (struct nlattr){NLA_HDRLEN + size, type};
    memcpy(at + NLMSG_HDRLEN + GENL_HDRLEN + NLA_HDRLEN, payload, size);
  }
  return length;
}

static void sending(int fd, const void *octets, size_t length) {
  if (sendto(fd, octets, length, 0, (void *)&vnet, sizeof vnet) != (ssize_t)length) die("sendto");
}

static int echo(uint32_t id, uint32_t count, uint32_t window) {
  uint32_t own, sent = 0, answered = 0, wrong = 0;
  const int fd = open_socket(&own);
  char octets[4096];
  while (answered < count) {
    for (; sent < count && sent - answered < window; sent++) {
      const uint32_t text[3] = {id, sent, id ^ ~sent};
      char hex[25];
      for (int i = 0; i < 3; i++) snprintf(hex + 8 * i, 9, "%08x", text[i]);
      sending(fd, octets, put(octets, ECHO, 0, sent, TEXT, hex, sizeof hex));
    }
    struct sockaddr_nl from;
    socklen_t length = sizeof from;
    const ssize_t n = recvfrom(fd, octets, sizeof octets, 0, (void *)&from, &length);
    if (n < 0) break;
    const struct nlmsghdr *h = (void *)octets;
    char expected[25];
    snprintf(expected, sizeof expected, "%08x%08x%08x", id, answered, id ^ ~answered);
    const int right = n == NLMSG_HDRLEN + GENL_HDRLEN + NLA_ALIGN(NLA_HDRLEN + 25) && h->nlmsg_len == n &&
                      h->nlmsg_type == FAMILY && h->nlmsg_seq == answered && h->nlmsg_pid == own &&
                      from.nl_pid == vnet.nl_pid && memcmp(octets + 24, expected, sizeof expected) == 0;
    wrong += !right;
    answered++;
  }
  printf("{\"answered\": %u, \"wrong\": %u}\n", answered, wrong);
  return 0;
}

static int flood(uint32_t count, uint32_t seed) {
  const int fd = open_socket(NULL);
  static char octets[8192];
  uint32_t sent = 0;
  for (uint32_t i = 0; i < count; i++) {
    size_t length = 0;
    const uint32_t scope = 1;
    seed = seed * 1664525 + 1013904223;
    if (i % 8 == 0) {
      while (length + 64 <= sizeof octets) length += put(octets + length, ECHO, NLM_F_ACK, i, TEXT, "all at once", 12);
    } else if (i % 8 == 1) {
      for (length = 0; length < 16 + (seed >> 8) % 200; length++) octets[length] = (char)((seed = seed * 1664525 + 1) >> 24);
      *(uint32_t *)octets = (uint32_t)length;
    } else if (i % 8 == 2)
      length = put(octets, GET_STATS, NLM_F_DUMP, i, SCOPE, &scope, sizeof scope);
    else if (i % 8 == 3)
      length = put(octets, 99, 0, i, 0, NULL, 0);
    else
      length = put(octets, ECHO, 0, i, TEXT, "one", 4);
    sending(fd, octets, length);
    sent++;
  }
  printf("{\"sent\": %u}\n", sent);
  return 0;
}

static int deaf(uint32_t sockets, uint32_t count) {
  int fd[256];
  const uint32_t scope = 1;
  char octets[64];
  for (uint32_t s = 0; s < sockets && s < 256; s++) fd[s] = open_socket(NULL);
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t s = 0; s < sockets && s < 256; s++)
      sending(fd[s], octets, put(octets, GET_STATS, i % 8 ? NLM_F_DUMP : NLM_F_ACK, i, SCOPE, &scope, sizeof scope));
  puts("sent");
  fflush(stdout);
  return pause();
}

/* Whether a socket is a subscriber from now on. */
static int subscribe(int fd) {
  char octets[4096];
  sending(fd, octets, put(octets, SUBSCRIBE, NLM_F_ACK, 1, 0, NULL, 0));
  if (recv(fd, octets, sizeof octets, 0) < NLMSG_HDRLEN + 4) die("recv");
  return *(int32_t *)(octets + NLMSG_HDRLEN) == 0;
}

static int subscribers(uint32_t count) {
  uint32_t taken = 0;
  for (uint32_t i = 0; i < count; i++) taken += subscribe(open_socket(NULL));
  printf("{\"taken\": %u}\n", taken);
  fflush(stdout);
  return pause();
}

static int killed(uint32_t count) {
  uint32_t died = 0;
  for (uint32_t i = 0; i < count; i++) {
    const pid_t child = fork();
    if (child == 0) {
      const uint32_t scope = 1;
      const int fd = open_socket(NULL);
      char octets[65536];
      if (i % 2 == 0) sending(fd, octets, put(octets, SUBSCRIBE, NLM_F_ACK, 1, 0, NULL, 0));
      sending(fd, octets, put(octets, GET_STATS, NLM_F_DUMP, 2, SCOPE, &scope, sizeof scope));
      // In the middle of the dump, or before it.
      if (i % 4 < 2 && recv(fd, octets, sizeof octets, 0) < 0) die("recv");
      kill(getpid(), SIGKILL);
    }
    int status;
    if (waitpid(child, &status, 0) == child && WIFSIGNALED(status)) died++;
  }
  printf("{\"died\": %u}\n", died);
  return 0;
}

static int usage(void) {
  fputs("usage: see the head of control-load.c\n", stderr);
  return 2;
}

int main(int argc, char **argv) {
  uint32_t number[4] = {0};
  if (argc < 4 || argc > 6) return usage();
  for (int i = 2; i < argc; i++) number[i - 2] = (uint32_t)strtoul(argv[i], NULL, 10);
  vnet.nl_pid = number[0];
  if (!strcmp(argv[1], "echo")) return echo(number[1], number[2], number[3]);
  if (!strcmp(argv[1], "flood")) return flood(number[1], number[2]);
  if (!strcmp(argv[1], "deaf")) return deaf(number[1], number[2]);
  if (!strcmp(argv[1], "subscribe")) return subscribers(number[1]);
  if (!strcmp(argv[1], "killed")) return killed(number[1]);
  return usage();
}
