// vnet-cni: the CNI plugin. It passes the environment (CNI_*) and its input to `vnet node`, and
// prints the reply. All work is done there; hosts of Kubernetes have no Node.js.
//
// If the daemon does not reply, ADD prints prevResult, so that pods start without a wire, unless
// the configuration has "required": true. What no daemon would take is refused before it is asked,
// so that a call fails alike with and without one.
//
// Request: "cni", each variable as NAME=VALUE, and an empty text, all with a NUL after them; then
// the input. Reply: the exit status as a line, then the output.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cctype>
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
/** The end of the name of the list of pods without their wire, and bytes of it and of a record. */
constexpr char kUnserved[] = ".unserved";
constexpr off_t kUnservedMax = 1 << 20;
constexpr size_t kRecordMax = 4096;
/** Seconds in which the daemon must reply. */
constexpr int kTimeout = 10;
/** All versions of the specification, as `VERSIONS` in src/agent/cni.ts. */
constexpr string_view kVersions[] = {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
/** Error codes of the specification. */
constexpr int kIncompatible = 1, kVariables = 4, kUndecodable = 6, kInvalid = 7, kLater = 11, kUnavailable = 50;
constexpr char kUnknown[] = "CNI_COMMAND is not ADD, CHECK, DEL, GC, STATUS or VERSION";

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

/** Reads JSON from front to back. A function returns whether its part is next, and skips it. */
struct Reader {
  string_view text;
  size_t at = 0;

  char peek() const { return at < text.size() ? text[at] : '\0'; }
  void skip() {
    while (isSpace(peek())) at++;
  }
  bool take(char c) {
    if (at == text.size() || text[at] != c) return false;
    at++;
    return true;
  }
  bool take(string_view word) {
    for (const char c : word) {
      if (!take(c)) return false;
    }
    return true;
  }
  bool digits() {
    const size_t from = at;
    while (peek() >= '0' && peek() <= '9') at++;
    return at > from;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return digits();
  }
  bool escape() {
    if (!take('u')) return peek() != '\0' && std::strchr("\"\\/bfnrt", text[at++]) != nullptr;
    for (int i = 0; i < 4; i++) {
      if (std::isxdigit(static_cast<unsigned char>(peek())) == 0) return false;
      at++;
    }
    return true;
  }
  bool string() {
    if (!take('"')) return false;
    while (!take('"')) {
      if (static_cast<unsigned char>(peek()) < ' ') return false;
      if (text[at++] == '\\' && !escape()) return false;
    }
    return true;
  }
  bool key() {
    skip();
    if (!string()) return false;
    skip();
    return take(':');
  }
  bool scalar() {
    switch (peek()) {
      case '"':
        return string();
      case 't':
        return take("true");
      case 'f':
        return take("false");
      case 'n':
        return take("null");
      default:
        return number();
    }
  }
};

/** Returns whether the text is a JSON object and nothing else. */
bool isObject(string_view text) {
  // Brackets, not calls: a text may be nested as deeply as it is long.
  static char open[kMax];
  size_t depth = 0;
  Reader reader{text};
  reader.skip();
  if (reader.peek() != '{') return false;
  for (;;) {
    if (depth > 0 && open[depth - 1] == '{' && !reader.key()) return false;
    reader.skip();
    const char c = reader.peek();
    // The closing bracket is two past the opening one in ASCII.
    if (reader.take('{') || reader.take('[')) {
      open[depth++] = c;
      reader.skip();
      if (reader.peek() != c + 2) continue;
    } else if (!reader.scalar()) {
      return false;
    }
    reader.skip();
    while (depth > 0 && reader.take(static_cast<char>(open[depth - 1] + 2))) {
      depth--;
      reader.skip();
    }
    if (depth == 0) return reader.at == text.size();
    if (!reader.take(',')) return false;
  }
}

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

/** Returns the last JSON value of `key`, which is in quotes, in an object; empty without one. */
string_view valueOf(string_view json, string_view key) {
  size_t at = 0;
  string_view found;
  const auto skip = [&] {
    while (at < json.size() && (isSpace(json[at]) || json[at] == ',' || json[at] == ':')) at++;
  };
  skip();
  if (at == json.size() || json[at] != '{') return found;
  at++;
  for (;;) {
    skip();
    const size_t nameEnd = endOf(json, at);
    if (nameEnd == string_view::npos || nameEnd == at) return found;
    const bool isIt = slice(json, at, nameEnd) == key;
    at = nameEnd;
    skip();
    const size_t end = endOf(json, at);
    if (end == string_view::npos || end == at) return found;
    if (isIt) found = slice(json, at, end);
    at = end;
  }
}

const char* socketPath() {
  const char* path = std::getenv("VNET_NODE_SOCKET");
  return path == nullptr || *path == '\0' ? kSocket : path;
}

/** Prints the output of the daemon, and returns its exit status; -1 if it does not reply. */
int ask(string_view config) {
  const char* path = socketPath();
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

bool isGiven(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool isText(string_view value) { return value.starts_with('"'); }

/** Returns the version of the configuration, in quotes: the first without one, as for runtimes. */
string_view versionOf(string_view config) {
  const string_view version = valueOf(config, "\"cniVersion\"");
  return version.empty() || version == "\"\"" ? "\"0.1.0\"" : version;
}

/** Prints an error up to its text. `version` is in quotes. */
void printError(string_view version, int code) {
  if (!isText(version)) version = "\"1.1.0\"";
  std::printf("{\"cniVersion\":%.*s,\"code\":%d,\"msg\":\"", static_cast<int>(version.size()), version.data(), code);
}

int fail(string_view version, int code, const char* message) {
  printError(version, code);
  std::printf("%s\"}\n", message);
  return 1;
}

/** Refuses a version, or returns 0. */
int refusalOf(string_view version) {
  if (!isText(version)) return fail({}, kUndecodable, "cniVersion is not a text");
  const string_view text = slice(version, 1, version.size() - 1);
  for (const string_view known : kVersions) {
    if (text == known) return 0;
  }
  printError(version, kIncompatible);
  std::printf("cniVersion %.*s: vnet knows 0.1.0 to 1.1.0\"}\n", static_cast<int>(text.size()), text.data());
  return 1;
}

/** Prints why no daemon would take a call, as `cni` in src/agent/cni.ts, or returns 0. */
int refusalOf(string_view command, string_view config) {
  if (!isObject(config)) return fail({}, kUndecodable, "the configuration is not a JSON object");
  const string_view version = versionOf(config);
  // A pod must end, whatever the version is.
  if (command != "DEL") {
    if (const int refused = refusalOf(version); refused != 0) return refused;
  }
  const bool isOfPod = command == "ADD" || command == "CHECK" || command == "DEL";
  if (!isOfPod && command != "GC" && command != "STATUS") return fail(version, kVariables, kUnknown);
  if (isOfPod && !(isGiven("CNI_CONTAINERID") && isGiven("CNI_IFNAME")))
    return fail(version, kVariables, "CNI_CONTAINERID and CNI_IFNAME are needed");
  if (command == "ADD" && !valueOf(config, "\"prevResult\"").starts_with('{'))
    return fail(version, kInvalid, "vnet-cni needs prevResult: put it after another plugin");
  return 0;
}

/** Prints the reply to VERSION, which is not asked for a known version. Returns the exit status. */
int printVersions(string_view config) {
  // The first runtimes give no configuration.
  if (config.empty()) config = "{}";
  if (!isObject(config)) return fail({}, kUndecodable, "the configuration is not a JSON object");
  string_view version = valueOf(config, "\"cniVersion\"");
  if (version.empty()) version = "\"1.1.0\"";
  if (!isText(version)) return fail({}, kUndecodable, "cniVersion is not a text");
  std::printf("{\"cniVersion\":%.*s,\"supportedVersions\":", static_cast<int>(version.size()), version.data());
  char separator = '[';
  for (const string_view known : kVersions) {
    std::printf("%c\"%s\"", separator, known.data());
    separator = ',';
  }
  std::puts("]}");
  return 0;
}

/** Appends to a record in `reply`, in place of a text that is too long. */
void append(size_t& length, string_view text) {
  if (length + text.size() > kRecordMax) return;
  std::memcpy(reply + length, text.data(), text.size());
  length += text.size();
}

/**
 * Lists a pod that starts without its wire, for the next `vnet list` of a daemon: its variables and
 * the name of the network, as NAME=VALUE with a NUL after each, and a NUL.
 */
void listUnserved(string_view config) {
  const string_view socket = socketPath();
  const string_view stem = slice(socket, 0, socket.size() - (socket.ends_with(".sock") ? 5 : 0));
  char path[sizeof(sockaddr_un::sun_path) + sizeof kUnserved];
  if (stem.size() >= sizeof(sockaddr_un::sun_path)) return;
  std::memcpy(path, stem.data(), stem.size());
  std::memcpy(path + stem.size(), kUnserved, sizeof kUnserved);
  // Without the directory no daemon has run here.
  const int fd = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0 || ::lseek(fd, 0, SEEK_END) > kUnservedMax) return;
  size_t length = 0;
  for (const char* name : {"CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS", "CNI_ARGS"}) {
    const char* value = std::getenv(name);
    append(length, name);
    append(length, "=");
    append(length, value == nullptr ? "" : value);
    append(length, {"", 1});
  }
  const string_view network = valueOf(config, "\"name\"");
  append(length, "name=");
  append(length, isText(network) ? network : "\"\"");
  append(length, {"", 1});
  append(length, {"", 1});
  writeAll(fd, {reply, length});
}

/** Returns whether a pod has a wire by its annotations, by CNI_ARGS, or by the configuration. */
bool hasWire(string_view config) {
  const char* args = std::getenv("CNI_ARGS");
  if (args != nullptr && std::strstr(args, "VNET_") != nullptr) return true;
  if (valueOf(config, "\"runtimeConfig\"").find("\"vnet.dev/") != string_view::npos) return true;
  for (const char* key : {"\"wire\"", "\"wireIn\"", "\"wireOut\""}) {
    if (!valueOf(config, key).empty()) return true;
  }
  return false;
}

/** Runs a command for which the daemon does not reply. Returns the exit status. */
int alone(string_view command, string_view config) {
  const string_view version = versionOf(config);
  const string_view given = valueOf(config, "\"required\"");
  // As the daemon has it: a pod does not start with a mistake there.
  const bool required = command == "ADD" ? !given.empty() && given != "false" : given == "true";
  // A daemon that has ended has no attachments.
  if (command == "DEL" || command == "GC") return 0;
  if (required) return fail(version, command == "STATUS" ? kUnavailable : kLater, "vnet node does not reply: start it");
  if (command != "ADD") return 0;
  // Runtimes log what a plugin writes there.
  if (hasWire(config)) {
    std::fputs("vnet-cni: vnet node does not reply: the pod starts without its wire\n", stderr);
    listUnserved(config);
  }
  return writeAll(STDOUT_FILENO, valueOf(config, "\"prevResult\"")) ? 0 : 1;
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
  if (command == "VERSION") return printVersions(config);
  if (const int refused = refusalOf(command, config); refused != 0) return refused;
  const int status = ask(config);
  return status >= 0 ? status : alone(command, config);
}
