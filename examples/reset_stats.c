/*
 * reset_stats: sets the statistics of an interface to 0, with the private ioctl
 * VNET_IOCTL_RESET_STATS of its driver.
 *
 *   cc -o reset_stats reset_stats.c
 *   sudo vnet exec ./reset_stats vnet0         as a program for a driver in the kernel
 *   sudo ./reset_stats --direct SOCKET vnet0  talks to the vnet; `vnet list --json` prints SOCKET
 */
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "genl.h"

#define VNET_IOCTL_RESET_STATS (SIOCDEVPRIVATE + 0)

#define VNET_CMD_RESET_STATS 4
#define VNET_ATTR_IFNAME 2

static int by_ioctl(const char *name) {
  struct ifreq ifr = {0};
  strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  return fd < 0 ? -1 : ioctl(fd, VNET_IOCTL_RESET_STATS, &ifr);
}

static int by_family(const char *path, const char *name) {
  struct genl genl;
  if (genl_open(&genl, path) < 0) return -1;
  const int family = genl_resolve(&genl, "vnet_nl");
  return family < 0 ? -1 : genl_ask(&genl, family, VNET_CMD_RESET_STATS, VNET_ATTR_IFNAME, name, 0, NULL, 0);
}

int main(int argc, char **argv) {
  const int direct = argc > 1 && strcmp(argv[1], "--direct") == 0;
  if (argc != (direct ? 4 : 2)) {
    fprintf(stderr, "usage: reset_stats [--direct SOCKET] IF\n");
    return 2;
  }
  const char *path = direct ? argv[2] : NULL;
  const char *name = argv[argc - 1];
  if ((path ? by_family(path, name) : by_ioctl(name)) < 0) {
    fprintf(stderr, "reset_stats: %s: %s\n", name, strerror(errno));
    return 1;
  }
  printf("%s: statistics reset\n", name);
  return 0;
}
