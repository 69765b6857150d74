// Who kept a guest busy: the CPU time of its programs, which the kernel reports when they end
// (Documentation/accounting/taskstats.rst).
#ifndef VNET_NATIVE_GUEST_USAGE_H
#define VNET_NATIVE_GUEST_USAGE_H

#include <cstdint>
#include <map>
#include <string>

#include "mail.h"

namespace vnet {

class Usage {
 public:
  Usage();
  Usage(const Usage&) = delete;
  Usage& operator=(const Usage&) = delete;
  ~Usage();

  /** Readable when threads have ended; -1 if the kernel reports nothing. */
  int fd() const { return fd_; }
  void receive();
  /** Forgets what has ended so far. */
  void restart();
  /** Sends a record for each name of ended threads. */
  void send(Outbox& outbox);

 private:
  void add(const char* message, size_t length);

  int fd_ = -1;
  std::map<std::string, uint64_t> nanoseconds_;
};

}  // namespace vnet

#endif
