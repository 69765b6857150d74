// vnet-cni: the CNI plugin. It passes the environment (CNI_*) and its input to `vnet node`, and
// prints the reply. All work is done there; hosts of Kubernetes have no Node.js.
//
// If the daemon does not reply, ADD prints prevResult, so that pods start without a wire, unless
// the configuration has "required": true.
//
// Request: "cni", each variable as NAME=VALUE, and an empty text, all with a NUL after them; then
// the input. Reply: the exit status as a line, then the output.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

extern char** environ;

namespace {

using std::string_view;

constexpr char kSocket[] = "/run/vnet/node.sock";
/** Bytes of a configuration or a reply at most. As REQUEST_MAX in src/agent/requests.ts. */
constexpr size_t kMax = 4 << 20;
/** Seconds in which the daemon must reply. */
constexpr int kTimeout = 10;
/** CNI: try again later; invalid network configuration; the plugin is not available. */
constexpr int kLater = 11, kInvalid = 7, kUnavailable = 50;

char input[kMax];
char reply[kMax];

/** Reads to the end of the stream. Returns the number of bytes, or -1. */
ssize_t readAll(int fd, char* into) {
  size_t length = 0;
  for (;;) {
    if (length == kMax) return -1;
    const ssize_t n = ::read(fd, into + length, kMax - length);
    if (n < 0) return -1;
    if (n == 0) return static_cast<ssize_t>(length);
    length += static_cast<size_t>(n);
  }
}

bool writeAll(int fd, string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool sendAll(int fd, string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/** Returns the end of the JSON value at `at`; npos if it does not end. */
size_t endOf(string_view json, size_t at) {
  int depth = 0;
  bool quoted = false;
  for (; at < json.size(); at++) {
    const char c = json[at];
    if (quoted) {
      if (c == '\\') at++;
      if (c != '"') continue;
      quoted = false;
      if (depth == 0) return at + 1;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      depth++;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      if (--depth == 0) return at + 1;
    } else if (depth == 0 && (c == ',' || c == ':' || isSpace(c))) {
      return at;
    }
  }
  return string_view::npos;
}

/** Like substr, which throws: that alone would link a fifth more into the static program. */
string_view slice(string_view text, size_t from, size_t to) { return {text.data() + from, to - from}; }

/** Returns the JSON value of `key`, which is in quotes, in an object; empty without one. */
string_view valueOf(string_view json, string_view key) {
  size_t at = 0;
  const auto skip = [&] {
    while (at < json.size() && (isSpace(json[at]) || json[at] == ',' || json[at] == ':')) at++;
  };
  skip();
  if (at == json.size() || json[at] != '{') return {};
  at++;
  for (;;) {
    skip();
    const size_t nameEnd = endOf(json, at);
    if (nameEnd == string_view::npos || nameEnd == at) return {};
    const bool isIt = slice(json, at, nameEnd) == key;
    at = nameEnd;
    skip();
    const size_t end = endOf(json, at);
    if (end == string_view::npos || end == at) return {};
    if (isIt) return slice(json, at, end);
    at = end;
  }
}

/** Prints the output of the daemon, and returns its exit status; -1 if it does not reply. */
int ask(string_view config) {
  const char* path = std::getenv("VNET_NODE_SOCKET");
  if (path == nullptr || *path == '\0') path = kSocket;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(path) >= sizeof address.sun_path) return -1;
  std::strcpy(address.sun_path, path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{kTimeout, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
  if (!sendAll(fd, {"cni\0", 4})) return -1;
  for (char** variable = environ; *variable != nullptr; variable++) {
    if (std::strncmp(*variable, "CNI_", 4) != 0) continue;
    if (!sendAll(fd, {*variable, std::strlen(*variable) + 1})) return -1;
  }
  if (!sendAll(fd, {"", 1}) || !sendAll(fd, config)) return -1;
  ::shutdown(fd, SHUT_WR);
  const ssize_t length = readAll(fd, reply);
  if (length < 2 || reply[0] < '0' || reply[0] > '9' || reply[1] != '\n') return -1;
  writeAll(STDOUT_FILENO, {reply + 2, static_cast<size_t>(length) - 2});
  return reply[0] - '0';
}

int fail(string_view version, int code, const char* message) {
  if (version.empty()) version = "\"1.1.0\"";
  std::printf("{\"cniVersion\":%.*s,\"code\":%d,\"msg\":\"%s\"}\n", static_cast<int>(version.size()), version.data(), code,
              message);
  return 1;
}

/** Runs a command for which the daemon does not reply. Returns the exit status. */
int alone(string_view command, string_view config) {
  const string_view version = valueOf(config, "\"cniVersion\"");
  const bool required = valueOf(config, "\"required\"") == "true";
  // A daemon that has ended has no attachments.
  if (command == "DEL" || command == "GC") return 0;
  if (required) return fail(version, command == "STATUS" ? kUnavailable : kLater, "vnet node does not reply: start it");
  if (command != "ADD") return 0;
  const string_view before = valueOf(config, "\"prevResult\"");
  if (before.empty()) return fail(version, kInvalid, "vnet-cni needs prevResult: put it after another plugin");
  return writeAll(STDOUT_FILENO, before) ? 0 : 1;
}

}  // namespace

int main() {
  const char* variable = std::getenv("CNI_COMMAND");
  const string_view command = variable == nullptr ? "" : variable;
  if (command.empty()) {
    std::fputs("vnet-cni: a CNI plugin, to be run by a container runtime; CNI_COMMAND is not set\n", stderr);
    return 2;
  }
  const ssize_t length = readAll(STDIN_FILENO, input);
  if (length < 0) return fail({}, kInvalid, "the configuration is too long, or cannot be read");
  const string_view config{input, static_cast<size_t>(length)};
  if (command == "VERSION") {
    string_view version = valueOf(config, "\"cniVersion\"");
    if (version.empty()) version = "\"1.1.0\"";
    std::printf("{\"cniVersion\":%.*s,\"supportedVersions\":[\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n",
                static_cast<int>(version.size()), version.data());
    return 0;
  }
  const int status = ask(config);
  return status >= 0 ? status : alone(command, config);
}
