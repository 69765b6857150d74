/* cc -o control control.c && ./control ADDRESS PORT */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int control, listener, s; /* s: the socket of the next call */
static char bytes[1 << 16];      /* of a write or a read */
static const char *states[] = { "", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2",
  "TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING" };

static int get(int level, int name) {
  int value = 0;
  getsockopt(s, level, name, &value, &(socklen_t){ sizeof value });
  return value;
}
static int reset(int fd) {
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
  return close(fd);
}
typedef int call(int, const struct sockaddr *, socklen_t);
/* Makes a socket that does not block, for a call of bind(2) or connect(2). */
static int make(int *fd, call *call, char *address, char *port) {
  struct addrinfo *to, hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
  if (getaddrinfo(address, port, &hints, &to)) return errno = EINVAL, -1;
  *fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
  return call(*fd, to->ai_addr, to->ai_addrlen);
}
static int start(char *address, char *backlog) {
  struct sockaddr_in6 own; /* its port is where sockaddr_in has it */
  if (make(&listener, bind, address, "0") || listen(listener, atoi(backlog))) return -1;
  getsockname(listener, (struct sockaddr *)&own, &(socklen_t){ sizeof own });
  return ntohs(own.sin6_port);
}
static int take(void) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  return fd < 0 ? -1 : (s = fd, 1);
}
/* Returns a number, -1 for an error, or -2 if it does not know the request. */
static int answer(FILE *in, char *verb, char *a, char *b) {
  int n = atoi(a);
  if (!strcmp(verb, "connect")) return make(&s, connect, a, b);
  if (!strcmp(verb, "listen")) return start(a, b);
  if (!strcmp(verb, "unlisten")) return close(listener);
  if (!strcmp(verb, "accept")) return take();
  if (!strcmp(verb, "ready")) return poll(&(struct pollfd){ s, POLLOUT, 0 }, 1, 0);
  if (!strcmp(verb, "error")) return (errno = get(SOL_SOCKET, SO_ERROR)) ? -1 : 0;
  if (!strcmp(verb, "write")) return send(s, bytes, fread(bytes, 1, n, in), MSG_NOSIGNAL);
  if (!strcmp(verb, "read")) return recv(s, bytes, n, 0);
  if (!strcmp(verb, "shutdown")) return shutdown(s, SHUT_WR);
  if (!strcmp(verb, "close")) return close(s);
  if (!strcmp(verb, "reset")) return reset(s);
  if (!strcmp(verb, "nodelay")) return setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &n, sizeof n);
  if (!strcmp(verb, "state")) return get(IPPROTO_TCP, TCP_INFO) & 15;
  if (strcmp(verb, "end")) return -2;
  for (int fd = control + 1; fd < 256; fd++) reset(fd); /* what the case has opened */
  return 0;
}
static void serve(FILE *in, FILE *out) {
  for (char line[256]; fgets(line, sizeof line, in); fflush(out)) {
    char verb[16] = "", a[64] = "", b[64] = "";
    sscanf(line, "%15s %63s %63s", verb, a, b);
    int n = answer(in, verb, a, b), hasBytes = !strcmp(verb, "read") && n > 0;
    if (n < 0) fprintf(out, "%s\n", n == -2 ? "?" : strerrorname_np(errno));
    else if (!strcmp(verb, "state")) fprintf(out, "%s\n", states[n]);
    else fprintf(out, "%d\n", n);
    fwrite(bytes, 1, hasBytes ? n : 0, out);
  }
}
int main(int argc, char **argv) {
  int server;
  if (argc != 3 || make(&server, bind, argv[1], argv[2]) || listen(server, 1))
    return perror("control ADDRESS PORT"), 1;
  while (poll(&(struct pollfd){ server, POLLIN, 0 }, 1, -1) > 0) {
    control = accept(server, NULL, NULL);
    serve(fdopen(control, "r"), fdopen(control, "w"));
    answer(NULL, "end", "", "");
    close(control);
  }
}
