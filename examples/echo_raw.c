/*
 * echo_raw: like echo.c, with sockets alone. genl.h contains all of the protocol that is needed.
 *
 *   cc -o echo_raw echo_raw.c
 *   sudo vnet exec ./echo_raw TEXT       as a program for a driver in the kernel, unaware of vnet
 *   ./echo_raw --direct SOCKET TEXT      talks to the vnet itself; `vnet list --json` prints SOCKET
 */
#include <stdio.h>

#include "genl.h"

#define VNET_CMD_ECHO 1
#define VNET_ECHO_ATTR_TEXT 1

static int failed(const char *what) {
  fprintf(stderr, "echo_raw: %s: %s\n", what, strerror(errno));
  return 1;
}

int main(int argc, char **argv) {
  const char *path = argc > 2 && strcmp(argv[1], "--direct") == 0 ? argv[2] : NULL;
  const int word = path ? 3 : 1;
  const char *text = argc > word ? argv[word] : "hello";

  struct genl genl;
  if (genl_open(&genl, path) < 0) return failed("socket");
  const int family = genl_resolve(&genl, "vnet_nl");
  if (family < 0) return failed("vnet_nl");

  char back[1024];
  const int length =
      genl_ask(&genl, family, VNET_CMD_ECHO, VNET_ECHO_ATTR_TEXT, text, VNET_ECHO_ATTR_TEXT, back, sizeof back);
  if (length < 0) return failed("echo");
  printf("%.*s\n", length, back);
  return 0;
}
