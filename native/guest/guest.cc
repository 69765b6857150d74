// vnet-guest: process 1 of a virtual machine of vnet (packages/guest/docs/virtual-time.md). It
// loads modules, stops the machine for the snapshot from which all runs start, mounts the images,
// runs the job that it finds in the inbox, and puts what comes of it into the outbox. In the guest
// it is also modprobe, and what runs in place of a program that the image lacks.
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "fd.h"
#include "files.h"
#include "mail.h"
#include "modules.h"
#include "usage.h"

namespace {

using vnet::Mail;

constexpr int kNotFound = 127;
constexpr uint64_t kNsPerSecond = 1'000'000'000;

/** FIFOs: programs of the guest write requests, one a line, and one at a time reads the reply. */
const char* const kRequests = "/dev/vnet-guest";
const char* const kReply = "/dev/vnet-reply";

/** Writes a setting of the kernel; that it lacks one changes nothing. */
void set(const char* path, const char* value) {
  const vnet::Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (fd && ::write(fd.get(), value, std::strlen(value)) < 0) return;
}

/** The inbox's text: strings that end with NUL. */
struct Job {
  std::string seed, directory, cwd;
  uint64_t date = 0;
  std::vector<std::string> environment, command;
};

bool parseJob(const std::string& text, Job& job) {
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\0', at);
    if (end == std::string::npos) return false;
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  constexpr size_t kFixed = 5;
  if (words.size() <= kFixed) return false;
  job.seed = words[0];
  job.date = std::strtoull(words[1].c_str(), nullptr, 10);
  job.directory = words[2];
  job.cwd = words[3];
  const size_t count = std::strtoull(words[4].c_str(), nullptr, 10);
  if (words.size() <= kFixed + count) return false;
  job.environment.assign(words.begin() + kFixed, words.begin() + static_cast<std::ptrdiff_t>(kFixed + count));
  job.command.assign(words.begin() + static_cast<std::ptrdiff_t>(kFixed + count), words.end());
  return true;
}

/** Makes all later random numbers of the kernel follow from the seed, of at most 256 bytes. */
void mixSeed(const std::string& seed) {
  // As rand_pool_info of <linux/random.h>: entropy in bits, length, bytes.
  struct {
    int entropy, length;
    char bytes[256];
  } pool = {};
  pool.length = static_cast<int>(std::min(seed.size(), sizeof pool.bytes));
  pool.entropy = pool.length * 8;
  std::memcpy(pool.bytes, seed.data(), static_cast<size_t>(pool.length));
  const vnet::Fd fd(::open("/dev/urandom", O_WRONLY | O_CLOEXEC));
  if (::ioctl(fd.get(), RNDADDENTROPY, &pool) != 0 || ::ioctl(fd.get(), RNDRESEEDCRNG) != 0) vnet::die("seed the random numbers");
}

void setLoopbackUp() {
  const vnet::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = {};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ::ioctl(fd.get(), SIOCSIFFLAGS, &request);
}

/** One job: its processes, streams and requests. */
class Run {
 public:
  Run(vnet::Outbox& outbox, const Job& job) : outbox_(outbox), job_(job) {}

  /** Returns when the command and all other processes have ended. */
  void toEnd() {
    for (const char* path : {kRequests, kReply}) {
      ::mkfifo(path, 0666);
      ::chmod(path, 0666);
    }
    requests_ = ::open(kRequests, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    reply_ = ::open(kReply, O_RDWR | O_CLOEXEC);
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &children, nullptr);
    signals_ = ::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    start_ = monotonic();
    startCommand();
    while (!hasEnded_) step(-1);
    ::kill(-1, SIGKILL);
    while (reap() || output_ >= 0 || error_ >= 0) step(-1);
    serveRequests();
    vnet::sendChanges(outbox_);
    usage_.send(outbox_);
    const std::array<uint64_t, 2> end = {static_cast<uint32_t>(status_), monotonic() - start_};
    outbox_.send(Mail::exit, {reinterpret_cast<const char*>(end.data()), sizeof end});
  }

 private:
  static uint64_t monotonic() {
    timespec time = {};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
  }

  void startCommand() {
    int out[2], err[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) vnet::die("make pipes");
    command_ = ::fork();
    if (command_ == 0) {
      const int null = ::open("/dev/null", O_RDONLY);
      ::dup2(null, 0);
      ::dup2(out[1], 1);
      ::dup2(err[1], 2);
      ::setsid();
      sigset_t none;
      sigemptyset(&none);
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
      become();
    }
    ::close(out[1]);
    ::close(err[1]);
    output_ = out[0];
    error_ = err[0];
  }

  [[noreturn]] void become() {
    std::vector<char*> words, variables;
    for (const std::string& word : job_.command) words.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& entry : job_.environment) variables.push_back(const_cast<char*>(entry.c_str()));
    words.push_back(nullptr);
    variables.push_back(nullptr);
    environ = variables.data();
    if (::chdir(job_.cwd.c_str()) != 0) std::fprintf(stderr, "vnet: the guest has no directory %s\n", job_.cwd.c_str());
    else ::execvp(words[0], words.data());
    std::fprintf(stderr, "vnet: exec %s: %s\n", words[0], std::strerror(errno));
    std::_Exit(errno == ENOENT ? kNotFound : kNotFound - 1);
  }

  /** Waits for an event, and handles all that have happened. */
  void step(int limit) {
    std::array<pollfd, 5> polled = {{
        {output_, POLLIN, 0}, {error_, POLLIN, 0}, {requests_, POLLIN, 0}, {signals_, POLLIN, 0}, {usage_.fd(), POLLIN, 0},
    }};
    if (::poll(polled.data(), polled.size(), limit) < 0) return;
    // Output that a program wrote before a request or its end comes first.
    if (polled[0].revents != 0) relay(output_, Mail::output);
    if (polled[1].revents != 0) relay(error_, Mail::error);
    if (polled[2].revents != 0) serveRequests();
    if (polled[4].revents != 0) usage_.receive();
    if (polled[3].revents != 0) {
      signalfd_siginfo info;
      while (::read(signals_, &info, sizeof info) > 0) continue;
      reap();
    }
  }

  /** Returns whether there are children. */
  bool reap() {
    for (;;) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid <= 0) return pid == 0;
      if (pid != command_) continue;
      hasEnded_ = true;
      status_ = status;
    }
  }

  void relay(int& stream, Mail kind) {
    static char buffer[1 << 16];
    const ssize_t count = ::read(stream, buffer, sizeof buffer);
    if (count > 0) {
      outbox_.send(kind, {buffer, static_cast<size_t>(count)});
      return;
    }
    ::close(stream);
    stream = -1;
  }

  void serveRequests() {
    char buffer[4096];
    for (ssize_t count; (count = ::read(requests_, buffer, sizeof buffer)) > 0;) unread_.append(buffer, static_cast<size_t>(count));
    for (size_t end; (end = unread_.find('\n')) != std::string::npos; unread_.erase(0, end + 1)) serve(unread_.substr(0, end));
  }

  /** `missing NAME`, or `stop WHY`. */
  void serve(const std::string& request) {
    const size_t space = request.find(' ');
    const std::string verb = request.substr(0, space), rest = space == std::string::npos ? "" : request.substr(space + 1);
    if (verb == "missing") outbox_.send(Mail::missing, rest);
    if (verb == "stop") stop(rest);
  }

  /**
   * Stops the machine, which may continue as a copy. The inbox has a seed, NUL, and the reply. It
   * is passed on after its length. The seed `+` means that the run continues.
   */
  void stop(const std::string& why) {
    const uint64_t time = monotonic() - start_;
    outbox_.send(Mail::checkpoint, std::string(reinterpret_cast<const char*>(&time), sizeof time) + why);
    vnet::stopMachine();
    std::string reply = vnet::readInbox(vnet::kInbox);
    const size_t end = std::min(reply.find('\0'), reply.size());
    const std::string seed = reply.substr(0, end);
    if (seed != "+") {
      outbox_.restart();
      usage_.restart();
      start_ = monotonic();
      if (!seed.empty()) mixSeed(seed);
    }
    reply.erase(0, end + 1);
    const auto length = static_cast<uint32_t>(reply.size());
    reply.insert(0, reinterpret_cast<const char*>(&length), sizeof length);
    for (size_t at = 0; at < reply.size();) {
      const ssize_t count = ::write(reply_, reply.data() + at, reply.size() - at);
      if (count < 0 && errno != EINTR) vnet::die("reply");
      at += static_cast<size_t>(std::max<ssize_t>(count, 0));
    }
  }

  vnet::Outbox& outbox_;
  const Job& job_;
  vnet::Usage usage_;
  pid_t command_ = -1;
  uint64_t start_ = 0;
  int requests_ = -1, reply_ = -1, signals_ = -1, output_ = -1, error_ = -1, status_ = 0;
  bool hasEnded_ = false;
  std::string unread_;
};

[[noreturn]] void end() {
  for (;;) vnet::stopMachine();
}

[[noreturn]] void fail(vnet::Outbox& outbox, const char* what) {
  outbox.send(Mail::failure, std::string(what) + ": " + std::strerror(errno));
  end();
}

/** Process 1. */
[[noreturn]] void initialize() {
  vnet::Outbox outbox;
  if (const char* failed = vnet::mountFirst(); failed != nullptr) vnet::die(failed);
  // Without /dev in its archive, the kernel starts init without streams.
  while (::open("/dev/console", O_RDWR) < 2) continue;
  if (const char* failed = vnet::loadAll("/modules"); failed != nullptr) vnet::die(failed);
  // It wakes an idle guest six times a second.
  set("/proc/sys/vm/compaction_proactiveness", "0");
  // Programs that need more memory than there is are killed, before the kernel only reads their
  // pages again and again.
  set("/sys/kernel/mm/lru_gen/enabled", "y");
  set("/sys/kernel/mm/lru_gen/min_ttl_ms", "1000");
  set("/proc/sys/kernel/modprobe", "/sbin/vnet-guest");
  vnet::nameMemories();
  outbox.open(vnet::kOutbox);
  vnet::stopMachine();

  outbox.restart();
  Job job;
  if (!parseJob(vnet::readInbox(vnet::kInbox), job)) fail(outbox, "read the job");
  if (const char* what = vnet::mountImages(job.directory); what != nullptr) fail(outbox, what);
  const timespec date = {static_cast<time_t>(job.date / kNsPerSecond), static_cast<long>(job.date % kNsPerSecond)};
  if (::clock_settime(CLOCK_REALTIME, &date) != 0) fail(outbox, "set the clock");
  mixSeed(job.seed);
  setLoopbackUp();
  ::sethostname("vnet", 4);
  Run(outbox, job).toEnd();
  end();
}

/**
 * In place of a program that the image lacks. A script's interpreter has its own path as its name;
 * programs that a shell finds have it in the auxiliary vector.
 */
int missing(const char* name) {
  const char* path = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  const std::string program = std::strchr(name, '/') != nullptr || path == nullptr ? name : path;
  const std::string request = "missing " + program + "\n";
  const vnet::Fd fd(::open(kRequests, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (fd && ::write(fd.get(), request.data(), request.size()) > 0) ::pause();
  std::fprintf(stderr, "vnet: the guest has no program %s\n", program.c_str());
  return kNotFound;
}

}  // namespace

int main(int count, char** arguments) {
  if (::getpid() == 1) initialize();
  const std::string name = arguments[0];
  const bool isKernel = name == "/sbin/vnet-guest" && count > 1;
  if (isKernel || name == "modprobe" || name.ends_with("/modprobe")) return vnet::modprobe(count, arguments);
  if (name.ends_with("vnet-guest")) {
    std::fputs("vnet-guest: to be run by vnet only\n", stderr);
    return 1;
  }
  return missing(arguments[0]);
}
