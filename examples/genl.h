/*
 * Generic netlink by a plain socket, for echo_raw.c and reset_stats.c: finds a family's number, asks one thing, waits for
 * its answer.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* Who is asked. */
struct genl {
  int fd;
  struct sockaddr_nl to;
};

/* protocol is NETLINK_GENERIC, with port 0, the kernel. Answers -1 with errno. */
static int genl_open(struct genl *genl, int protocol, uint32_t port) {
  memset(genl, 0, sizeof *genl);
  genl->to.nl_family = AF_NETLINK;
  genl->to.nl_pid = port;
  genl->fd = socket(AF_NETLINK, SOCK_RAW, protocol);
  return genl->fd;
}

/*
 * Sends a request whose one attribute is a string, and keeps what the answer's attribute `wanted` holds, up to `room`
 * octets of it. Answers how many that were, 0 when it was only acknowledged, or -1 with errno when it was refused.
 */
static int genl_ask(struct genl *genl, uint16_t family, uint8_t cmd, uint16_t attr, const char *text, uint16_t wanted,
                    void *into, size_t room) {
  struct {
    struct nlmsghdr nlh;
    struct genlmsghdr genl;
    char octets[1024];
  } request = {.nlh = {.nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK, .nlmsg_seq = 1},
               .genl = {.cmd = cmd, .version = 1}};
  const struct nlattr nla = {.nla_len = NLA_HDRLEN + strlen(text) + 1, .nla_type = attr};
  if (nla.nla_len > sizeof request.octets) {
    errno = EMSGSIZE;
    return -1;
  }
  memcpy(request.octets, &nla, NLA_HDRLEN);
  strcpy(request.octets + NLA_HDRLEN, text);
  request.nlh.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN) + NLA_ALIGN(nla.nla_len);
  const struct sockaddr *to = (struct sockaddr *)&genl->to;
  if (sendto(genl->fd, &request, request.nlh.nlmsg_len, 0, to, sizeof genl->to) < 0) return -1;

  int found = 0;
  for (;;) {
    /* Big enough for whatever answers a single question. */
    union {
      struct nlmsghdr nlh;
      char octets[16384];
    } datagram;
    const ssize_t received = recv(genl->fd, &datagram, sizeof datagram, 0);
    if (received < 0) return -1;
    int left = received;
    for (struct nlmsghdr *nlh = &datagram.nlh; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
      if (nlh->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *end = NLMSG_DATA(nlh);
        if (end->error == 0) return found;
        errno = -end->error;
        return -1;
      }
      char *at = (char *)NLMSG_DATA(nlh) + GENL_HDRLEN;
      char *end = (char *)nlh + nlh->nlmsg_len;
      while (end - at >= NLA_HDRLEN) {
        const struct nlattr *answer = (struct nlattr *)at;
        if (answer->nla_len < NLA_HDRLEN || answer->nla_len > end - at) break;
        if ((answer->nla_type & NLA_TYPE_MASK) == wanted) {
          const size_t length = answer->nla_len - NLA_HDRLEN;
          found = length < room ? length : room;
          memcpy(into, at + NLA_HDRLEN, found);
        }
        at += NLA_ALIGN(answer->nla_len);
      }
    }
  }
}

/* The number of the family of a name, or -1 with errno. */
static int genl_resolve(struct genl *genl, const char *name) {
  uint16_t family = 0;
  const int found = genl_ask(genl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name, CTRL_ATTR_FAMILY_ID,
                             &family, sizeof family);
  return found < 0 ? -1 : family;
}
