#include "usage.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace vnet {

namespace {

constexpr int kReceiveBuffer = 4 << 20;

/** Reads the start of a file into `value`, as scanf does. A thread may have ended. */
template <typename Value>
void readLine(const std::filesystem::path& path, const char* format, Value* value) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return;
  if (std::fscanf(file, format, value) != 1) *value = {};
  std::fclose(file);
}

/** Calls `visit(type, data, length)` for each attribute. */
template <typename Visit>
void eachAttribute(const char* data, size_t length, Visit visit) {
  while (length >= NLA_HDRLEN) {
    nlattr head;
    std::memcpy(&head, data, sizeof head);
    if (head.nla_len < NLA_HDRLEN || head.nla_len > length) return;
    visit(head.nla_type & NLA_TYPE_MASK, data + NLA_HDRLEN, head.nla_len - NLA_HDRLEN);
    const size_t step = std::min<size_t>(NLA_ALIGN(head.nla_len), length);
    data += step;
    length -= step;
  }
}

/** Sends a request with one attribute, a text. */
bool request(int fd, uint16_t family, uint8_t command, uint16_t type, const char* text) {
  struct {
    nlmsghdr message;
    genlmsghdr generic;
    nlattr attribute;
    char text[32];
  } sent = {};
  const size_t length = std::strlen(text) + 1;
  std::memcpy(sent.text, text, length);
  sent.attribute = {static_cast<uint16_t>(NLA_HDRLEN + length), type};
  sent.generic = {command, 1, 0};
  sent.message = {static_cast<uint32_t>(NLMSG_LENGTH(GENL_HDRLEN) + NLA_ALIGN(NLA_HDRLEN + length)), family, NLM_F_REQUEST, 0, 0};
  return ::send(fd, &sent, sent.message.nlmsg_len, 0) >= 0;
}

/** The kernel's workers change their names. */
std::string known(const std::string& name) { return name.starts_with("kworker/") ? "kworker" : name; }

/** Returns the number of a family of generic netlink, or 0. */
uint16_t familyOf(int fd, const char* name) {
  if (!request(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name)) return 0;
  char reply[8192];
  const ssize_t length = ::recv(fd, reply, sizeof reply, 0);
  constexpr size_t kHead = NLMSG_LENGTH(GENL_HDRLEN);
  uint16_t family = 0;
  if (length < static_cast<ssize_t>(kHead)) return 0;
  eachAttribute(reply + kHead, static_cast<size_t>(length) - kHead, [&](int type, const char* data, size_t) {
    if (type == CTRL_ATTR_FAMILY_ID) std::memcpy(&family, data, sizeof family);
  });
  return family;
}

}  // namespace

Usage::Usage() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC)) {
  const uint16_t family = fd_ < 0 ? 0 : familyOf(fd_, TASKSTATS_GENL_NAME);
  // The guest has one CPU.
  const bool isReported = family != 0 && request(fd_, family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, "0");
  if (isReported) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
    restart();
  } else if (fd_ >= 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

Usage::~Usage() {
  if (fd_ >= 0) ::close(fd_);
}

void Usage::receive() {
  char message[8192];
  for (ssize_t length; (length = ::recv(fd_, message, sizeof message, MSG_DONTWAIT)) > 0;) add(message, static_cast<size_t>(length));
}

void Usage::restart() {
  if (fd_ >= 0) receive();
  nanoseconds_.clear();
  // What running threads have used before is not counted when they end.
  std::error_code error;
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    for (const auto& thread : std::filesystem::directory_iterator(process.path() / "task", error)) {
      uint64_t used = 0;
      char name[64] = "";
      readLine(thread.path() / "schedstat", "%" SCNu64, &used);
      readLine(thread.path() / "comm", "%63[^\n]", name);
      nanoseconds_[known(name)] -= used;
    }
  }
}

void Usage::add(const char* message, size_t length) {
  constexpr size_t kHead = NLMSG_LENGTH(GENL_HDRLEN);
  if (length < kHead) return;
  eachAttribute(message + kHead, length - kHead, [&](int outer, const char* data, size_t size) {
    if (outer != TASKSTATS_TYPE_AGGR_PID) return;
    eachAttribute(data, size, [&](int type, const char* content, size_t available) {
      if (type != TASKSTATS_TYPE_STATS) return;
      taskstats stats = {};
      std::memcpy(&stats, content, std::min(available, sizeof stats));
      nanoseconds_[known({stats.ac_comm, ::strnlen(stats.ac_comm, sizeof stats.ac_comm)})] += stats.cpu_run_virtual_total;
    });
  });
}

void Usage::send(Outbox& outbox) {
  if (fd_ >= 0) receive();
  for (const auto& [name, time] : nanoseconds_) {
    // Of threads that have not ended.
    if (static_cast<int64_t>(time) <= 0) continue;
    outbox.send(Mail::usage, std::string(reinterpret_cast<const char*>(&time), sizeof time) + name);
  }
}

}  // namespace vnet
