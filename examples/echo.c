/*
 * echo: sends a text to the driver over the generic netlink family vnet_nl and prints the reply.
 * Uses libnl (Debian: libnl-genl-3-dev, pkg-config).
 *
 *   cc -o echo echo.c $(pkg-config --cflags --libs libnl-genl-3.0)
 *   sudo vnet exec ./echo TEXT       as a program for a driver in the kernel, unaware of vnet
 */
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdio.h>

#define VNET_CMD_ECHO 1
#define VNET_ECHO_ATTR_TEXT 1

static int print_text(struct nl_msg *msg, void *arg) {
  (void)arg;
  struct nlattr *attrs[VNET_ECHO_ATTR_TEXT + 1];
  const int err = genlmsg_parse(nlmsg_hdr(msg), 0, attrs, VNET_ECHO_ATTR_TEXT, NULL);
  if (err < 0) return err;
  if (attrs[VNET_ECHO_ATTR_TEXT] != NULL) printf("%s\n", nla_get_string(attrs[VNET_ECHO_ATTR_TEXT]));
  return NL_OK;
}

static int failed(const char *what, int err) {
  fprintf(stderr, "echo: %s: %s\n", what, nl_geterror(err));
  return 1;
}

int main(int argc, char **argv) {
  const char *text = argc > 1 ? argv[1] : "hello";

  struct nl_sock *sk = nl_socket_alloc();
  int err = nl_connect(sk, NETLINK_GENERIC);
  if (err < 0) return failed("connect", err);
  const int family = genl_ctrl_resolve(sk, "vnet_nl");
  if (family < 0) return failed("vnet_nl", family);
  nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, print_text, NULL);

  struct nl_msg *msg = nlmsg_alloc();
  genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, VNET_CMD_ECHO, 1);
  // A message of libnl has room for a page: longer texts need nlmsg_alloc_size().
  err = nla_put_string(msg, VNET_ECHO_ATTR_TEXT, text);
  if (err >= 0) err = nl_send_auto(sk, msg);
  nlmsg_free(msg);
  if (err >= 0) err = nl_recvmsgs_default(sk);
  if (err >= 0) err = nl_wait_for_ack(sk);
  nl_socket_free(sk);
  return err < 0 ? failed("echo", err) : 0;
}
