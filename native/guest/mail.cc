#include "mail.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <sys/io.h>
#endif

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace vnet {

namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kBufferLength = 1 << 20;
/** The space for the end of a job, which a full outbox has, too. */
constexpr uint64_t kReserve = 1 << 16;
constexpr uint64_t kMagic = 0x31'74'65'6e'76'78'6f'62;  // "boxvnet1"
constexpr uint64_t kInboxMax = 8 << 20;

struct RecordHeader {
  uint32_t length;
  uint32_t kind;
  uint64_t time;
};

uint64_t now() {
  timespec time = {};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

uint8_t* allocateBlocks(size_t length) {
  void* memory = nullptr;
  if (::posix_memalign(&memory, kBlock, length) != 0) die("allocate memory");
  std::memset(memory, 0, length);
  return static_cast<uint8_t*>(memory);
}

}  // namespace

void Outbox::open(const char* device) {
  fd_ = ::open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
  if (fd_ < 0 || ::ioctl(fd_, BLKGETSIZE64, &size_) != 0) die("open the outbox");
  buffer_ = allocateBlocks(kBufferLength);
  restart();
}

void Outbox::restart() {
  end_ = lost_ = filled_ = 0;
  blockAt_ = kBlock;
}

void Outbox::send(Mail kind, std::string_view content) {
  const bool isLast = kind == Mail::exit || kind == Mail::failure;
  const bool isContent = kind == Mail::output || kind == Mail::error || kind == Mail::file || kind == Mail::more ||
                         kind == Mail::link;
  const uint64_t room = size_ - kBlock - end_ - (isLast ? 0 : kReserve);
  // After a gap, the next part of a file would follow the wrong bytes.
  if ((isContent && lost_ > 0) || sizeof(RecordHeader) + content.size() + sizeof(uint64_t) > room) {
    lost_ += content.size();
    flush();
    return;
  }
  const RecordHeader header = {static_cast<uint32_t>(content.size()), static_cast<uint32_t>(kind), now()};
  put(&header, sizeof header);
  put(content.data(), content.size());
  const uint64_t zero = 0;
  put(&zero, -content.size() & 7);
  flush();
}

void Outbox::put(const void* data, size_t length) {
  const auto* from = static_cast<const uint8_t*>(data);
  while (length > 0) {
    const size_t part = std::min(length, kBufferLength - filled_);
    std::memcpy(buffer_ + filled_, from, part);
    filled_ += part;
    end_ += part;
    from += part;
    length -= part;
    if (filled_ == kBufferLength) flush();
  }
}

/** Writes the buffer, then the number of bytes that the host may read. */
void Outbox::flush() {
  const size_t whole = filled_ / kBlock * kBlock;
  const size_t rest = filled_ - whole;
  if (filled_ > 0 && ::pwrite(fd_, buffer_, whole + (rest > 0 ? kBlock : 0), static_cast<off_t>(blockAt_)) < 0) {
    die("write to the outbox");
  }
  if (whole > 0) {
    std::memmove(buffer_, buffer_ + whole, rest);
    filled_ = rest;
    blockAt_ += whole;
  }
  alignas(kBlock) static uint64_t head[kBlock / sizeof(uint64_t)];
  head[0] = kMagic;
  head[1] = end_;
  head[2] = lost_;
  if (::pwrite(fd_, head, kBlock, 0) < 0) die("write to the outbox");
}

std::string readInbox(const char* device) {
  const int fd = ::open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);
  if (fd < 0) return "";
  alignas(kBlock) static uint64_t head[kBlock / sizeof(uint64_t)];
  std::string text;
  if (::pread(fd, head, kBlock, 0) == kBlock && head[0] == kMagic && head[1] <= kInboxMax) {
    const size_t length = (head[1] + kBlock - 1) / kBlock * kBlock;
    uint8_t* content = allocateBlocks(length + kBlock);
    if (::pread(fd, content, length, kBlock) == static_cast<ssize_t>(length)) {
      text.assign(reinterpret_cast<char*>(content), head[1]);
    }
    std::free(content);
  }
  ::close(fd);
  return text;
}

void die(const char* what) {
  std::fprintf(stderr, "vnet: %s: %s\n", what, std::strerror(errno));
  ::reboot(RB_POWER_OFF);
  std::abort();
}

void stopMachine() {
#if defined(__x86_64__)
  // 0x505 is the port of QEMU's device pvpanic, which is started with `-action panic=pause`. While
  // it stops the machine, QEMU may take it for idle and move its clock. So r10 has the time stamp,
  // six instructions before the stop, and r8 and r9 mark it: packages/guest/src/settle.ts.
  if (::iopl(3) == 0) {
    asm volatile(
        "movabs $0x766e65742d73746f, %%r8\n\t"
        "movabs $0x702d636c6f636b21, %%r9\n\t"
        "mov $0x505, %%ecx\n\t"
        "cli\n\t"
        "rdtsc\n\t"
        "shl $32, %%rdx\n\t"
        "or %%rax, %%rdx\n\t"
        "mov %%rdx, %%r10\n\t"
        "mov %%ecx, %%edx\n\t"
        "mov $1, %%eax\n\t"
        "outb %%al, %%dx\n\t"
        "sti\n\t" ::
            : "rax", "rcx", "rdx", "r8", "r9", "r10", "memory", "cc");
    ::iopl(0);
    return;
  }
#endif
  ::reboot(RB_POWER_OFF);
}

}  // namespace vnet
