// The state of one Node environment: the main thread's or a Worker's.
#ifndef VNET_NATIVE_ENVIRONMENT_H
#define VNET_NATIVE_ENVIRONMENT_H

#include <napi.h>

#include "aside.h"
#include "fd.h"

namespace vnet {

class RxAction;

struct Environment {
  OpenFds fds;
  /** The result of unnamedNetns(); -1 until it is first called. */
  int unnamedNetns = -1;
  /** Destroyed before the descriptors that its threads use. */
  Asides asides;
  /** Made with the first poller. Frees itself before the environment ends. */
  RxAction* rxAction = nullptr;
  /** Made with the first poller. */
  napi_ref pollerClass = nullptr;
};

}  // namespace vnet

#endif
