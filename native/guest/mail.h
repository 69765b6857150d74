// The two memories by which a guest and its host exchange data: the outbox, in which the guest
// writes records, and the inbox, which the host writes while the guest is stopped. Both are
// NVDIMMs, read and written past the guest's caches. packages/guest/src/mail.ts has the same
// layout; numbers are little-endian.
#ifndef VNET_NATIVE_GUEST_MAIL_H
#define VNET_NATIVE_GUEST_MAIL_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vnet {

/** Kinds of records. */
enum class Mail : uint32_t {
  output = 'o',
  error = 'e',
  /** A program that the image lacks: its name. */
  missing = 'm',
  /** The machine stops: nanoseconds since the start (8 bytes), and why. */
  checkpoint = 'c',
  /** A file that has changed: mode (4 bytes), length of the path (4 bytes), path, content. */
  file = 'f',
  /** More content of the last file. */
  more = 'g',
  /** A symbolic link: path, NUL, target. */
  link = 'l',
  /** CPU time of a program: nanoseconds (8 bytes), name. */
  usage = 'u',
  /** The job has ended: status of waitpid(2) (4 bytes), 0 (4 bytes), nanoseconds (8 bytes). */
  exit = 'x',
  /** The guest cannot continue: a sentence. */
  failure = '!',
};

class Outbox {
 public:
  /** Opens the device. The machine ends if that fails. */
  void open(const char* device);
  /** Appends a record, and makes it visible to the host. */
  void send(Mail kind, std::string_view content);
  /** The host has read all records: the next one is the first. */
  void restart();

 private:
  void put(const void* data, size_t length);
  void flush();

  int fd_ = -1;
  uint64_t size_ = 0;
  /** Bytes of the records written so far, and bytes of records that did not fit. */
  uint64_t end_ = 0;
  uint64_t lost_ = 0;
  /** Starts with the last incomplete block of the device. */
  uint8_t* buffer_ = nullptr;
  size_t filled_ = 0;
  uint64_t blockAt_ = 0;
};

/** Returns what the host has put into the inbox; empty if that is nothing. */
std::string readInbox(const char* device);

/** Prints what failed, and errno, on the console, and ends the machine. */
[[noreturn]] void die(const char* what);

/** Stops the machine at this instruction until the host lets it continue. */
void stopMachine();

}  // namespace vnet

#endif
