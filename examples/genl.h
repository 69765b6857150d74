/*
 * Generic netlink over a plain socket, to the kernel or to a vnet, for echo_raw.c and
 * reset_stats.c: resolves a family, sends a request, waits for the reply.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct genl {
  int fd;
  /* A vnet's socket is a stream of messages; the kernel's carries datagrams. */
  int is_stream;
};

/* Connects to the kernel, or to the vnet at the socket `path`. Returns -1 with errno on error. */
static int genl_open(struct genl *genl, const char *path) {
  genl->is_stream = path != NULL;
  genl->fd = path ? socket(AF_UNIX, SOCK_STREAM, 0) : socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  if (genl->fd < 0 || path == NULL) return genl->fd;
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  strncpy(to.sun_path, path, sizeof to.sun_path - 1);
  return connect(genl->fd, (struct sockaddr *)&to, sizeof to);
}

/* Receives a message, or a datagram of several. Returns its length, or -1 and sets errno. */
static ssize_t genl_receive(struct genl *genl, struct nlmsghdr *into, size_t room) {
  if (!genl->is_stream) return recv(genl->fd, into, room, 0);
  const ssize_t head = recv(genl->fd, into, sizeof *into, MSG_WAITALL);
  const size_t length = head == sizeof *into ? NLMSG_ALIGN(into->nlmsg_len) : 0;
  if (length < sizeof *into || length > room) {
    if (head >= 0) errno = ECONNRESET;
    return -1;
  }
  const ssize_t rest = length - sizeof *into;
  if (rest > 0 && recv(genl->fd, into + 1, rest, MSG_WAITALL) != rest) return -1;
  return length;
}

/*
 * Sends a request with one attribute, a string, and copies the attribute `wanted` of the reply, at
 * most `room` bytes. Returns the number of bytes, 0 if the request was only acknowledged, or -1
 * with errno if it was refused.
 */
static int genl_ask(struct genl *genl, uint16_t family, uint8_t cmd, uint16_t attr, const char *text, uint16_t wanted,
                    void *into, size_t room) {
  struct {
    struct nlmsghdr nlh;
    struct genlmsghdr genl;
    char bytes[1024];
  } request = {.nlh = {.nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK, .nlmsg_seq = 1},
               .genl = {.cmd = cmd, .version = 1}};
  const struct nlattr nla = {.nla_len = NLA_HDRLEN + strlen(text) + 1, .nla_type = attr};
  if (nla.nla_len > sizeof request.bytes) {
    errno = EMSGSIZE;
    return -1;
  }
  memcpy(request.bytes, &nla, NLA_HDRLEN);
  strcpy(request.bytes + NLA_HDRLEN, text);
  request.nlh.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN) + NLA_ALIGN(nla.nla_len);
  if (send(genl->fd, &request, request.nlh.nlmsg_len, MSG_NOSIGNAL) < 0) return -1;

  int found = 0;
  for (;;) {
    /* Large enough for any reply to a single request. */
    union {
      struct nlmsghdr nlh;
      char bytes[16384];
    } datagram;
    const ssize_t received = genl_receive(genl, &datagram.nlh, sizeof datagram);
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
        const struct nlattr *reply = (struct nlattr *)at;
        if (reply->nla_len < NLA_HDRLEN || reply->nla_len > end - at) break;
        if ((reply->nla_type & NLA_TYPE_MASK) == wanted) {
          const size_t length = reply->nla_len - NLA_HDRLEN;
          found = length < room ? length : room;
          memcpy(into, at + NLA_HDRLEN, found);
        }
        at += NLA_ALIGN(reply->nla_len);
      }
    }
  }
}

/* Returns the number of a family by its name, or -1 and sets errno. */
static int genl_resolve(struct genl *genl, const char *name) {
  uint16_t family = 0;
  const int found = genl_ask(genl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name, CTRL_ATTR_FAMILY_ID,
                             &family, sizeof family);
  return found < 0 ? -1 : family;
}
