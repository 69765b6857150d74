/* Busy and misbehaving clients of a running vnet with the socket SOCKET.
 *
 *   control-load echo SOCKET ID COUNT WINDOW sends COUNT echoes, WINDOW of them pending; prints how
 *                                            many came back and how many were wrong or disordered
 *   control-load flood SOCKET COUNT SEED     sends COUNT times as fast as possible: single echoes,
 *                                            many at once, garbage
 *   control-load deaf SOCKET SOCKETS COUNT   sends COUNT requests for dumps on each of SOCKETS
 *                                            sockets, reads nothing, prints "sent" and remains
 *   control-load subscribe SOCKET COUNT      subscribes with COUNT sockets, prints how many were
 *                                            admitted, reads no event, and remains
 *   control-load killed SOCKET COUNT         runs COUNT processes in turn that subscribe, send a
 *                                            request, and are killed half-way
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
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAMILY = 0x3f0, ECHO = 1, GET_STATS = 3, SUBSCRIBE = 10, SCOPE = 6, TEXT = 1 };
static struct sockaddr_un vnet = {.sun_family = AF_UNIX};

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* Connects. Receiving waits as long as the test that started the program. */
static int open_socket(void) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (void *)&vnet, sizeof vnet) < 0) die("connect");
  return fd;
}

/* Receives a message; returns its length, 0 at the end. */
static size_t receive(int fd, void *octets, size_t size) {
  struct nlmsghdr *h = octets;
  if (recv(fd, h, sizeof *h, MSG_WAITALL) != sizeof *h) return 0;
  const size_t length = NLMSG_ALIGN(h->nlmsg_len);
  if (length > size) die("too long");
  if (length > sizeof *h && recv(fd, h + 1, length - sizeof *h, MSG_WAITALL) != (ssize_t)(length - sizeof *h)) return 0;
  return length;
}

/* Writes a request with one attribute or none; returns its length, a multiple of 4. */
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
  if (send(fd, octets, length, MSG_NOSIGNAL) != (ssize_t)length) die("send");
}

static int echo(uint32_t id, uint32_t count, uint32_t window) {
  uint32_t sent = 0, answered = 0, wrong = 0;
  const int fd = open_socket();
  char octets[4096];
  while (answered < count) {
    for (; sent < count && sent - answered < window; sent++) {
      const uint32_t text[3] = {id, sent, id ^ ~sent};
      char hex[25];
      for (int i = 0; i < 3; i++) snprintf(hex + 8 * i, 9, "%08x", text[i]);
      sending(fd, octets, put(octets, ECHO, 0, sent, TEXT, hex, sizeof hex));
    }
    const size_t n = receive(fd, octets, sizeof octets);
    if (n == 0) break;
    const struct nlmsghdr *h = (void *)octets;
    char expected[25];
    snprintf(expected, sizeof expected, "%08x%08x%08x", id, answered, id ^ ~answered);
    const int right = n == NLMSG_HDRLEN + GENL_HDRLEN + NLA_ALIGN(NLA_HDRLEN + 25) && h->nlmsg_len == n &&
                      h->nlmsg_type == FAMILY && h->nlmsg_seq == answered && memcmp(octets + 24, expected, sizeof expected) == 0;
    wrong += !right;
    answered++;
  }
  printf("{\"answered\": %u, \"wrong\": %u}\n", answered, wrong);
  return 0;
}

static int flood(uint32_t count, uint32_t seed) {
  int fd = open_socket();
  static char octets[8192], answers[65536];
  uint32_t sent = 0;
  for (uint32_t i = 0; i < count; i++) {
    size_t length = 0;
    const uint32_t scope = 1;
    int breaks = 0;
    seed = seed * 1664525 + 1013904223;
    if (i % 8 == 0) {
      while (length + 64 <= sizeof octets) length += put(octets + length, ECHO, NLM_F_ACK, i, TEXT, "all at once", 12);
    } else if (i % 64 == 1) {
      for (length = 0; length < 16 + (seed >> 8) % 200; length++) octets[length] = (char)((seed = seed * 1664525 + 1) >> 24);
      breaks = 1;
    } else if (i % 8 == 2)
      length = put(octets, GET_STATS, NLM_F_DUMP, i, SCOPE, &scope, sizeof scope);
    else if (i % 8 == 3)
      length = put(octets, 99, 0, i, 0, NULL, 0);
    else
      length = put(octets, ECHO, 0, i, TEXT, "one", 4);
    /* Read, so that the vnet continues to serve this client. */
    while (recv(fd, answers, sizeof answers, MSG_DONTWAIT) > 0) {}
    sent++;
    if (send(fd, octets, length, MSG_NOSIGNAL) < 0 || breaks) {
      close(fd);
      fd = open_socket();
    }
  }
  printf("{\"sent\": %u}\n", sent);
  return 0;
}

static int deaf(uint32_t sockets, uint32_t count) {
  int fd[256];
  const uint32_t scope = 1;
  char octets[64];
  for (uint32_t s = 0; s < sockets && s < 256; s++) fd[s] = open_socket();
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t s = 0; s < sockets && s < 256; s++)
      send(fd[s], octets, put(octets, GET_STATS, i % 8 ? NLM_F_DUMP : NLM_F_ACK, i, SCOPE, &scope, sizeof scope),
           MSG_DONTWAIT | MSG_NOSIGNAL);
  puts("sent");
  fflush(stdout);
  return pause();
}

/* Subscribes; returns whether the vnet accepted it. */
static int subscribe(int fd) {
  char octets[4096];
  sending(fd, octets, put(octets, SUBSCRIBE, NLM_F_ACK, 1, 0, NULL, 0));
  if (receive(fd, octets, sizeof octets) < NLMSG_HDRLEN + 4) die("recv");
  return *(int32_t *)(octets + NLMSG_HDRLEN) == 0;
}

static int subscribers(uint32_t count) {
  uint32_t taken = 0;
  for (uint32_t i = 0; i < count; i++) taken += subscribe(open_socket());
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
      const int fd = open_socket();
      char octets[65536];
      if (i % 2 == 0) sending(fd, octets, put(octets, SUBSCRIBE, NLM_F_ACK, 1, 0, NULL, 0));
      sending(fd, octets, put(octets, GET_STATS, NLM_F_DUMP, 2, SCOPE, &scope, sizeof scope));
      // In the middle of the dump, or before it.
      if (i % 4 < 2 && receive(fd, octets, sizeof octets) == 0) die("recv");
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
  for (int i = 3; i < argc; i++) number[i - 2] = (uint32_t)strtoul(argv[i], NULL, 10);
  snprintf(vnet.sun_path, sizeof vnet.sun_path, "%s", argv[2]);
  if (!strcmp(argv[1], "echo")) return echo(number[1], number[2], number[3]);
  if (!strcmp(argv[1], "flood")) return flood(number[1], number[2]);
  if (!strcmp(argv[1], "deaf")) return deaf(number[1], number[2]);
  if (!strcmp(argv[1], "subscribe")) return subscribers(number[1]);
  if (!strcmp(argv[1], "killed")) return killed(number[1]);
  return usage();
}
