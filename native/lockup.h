// Watches the main thread's event loop from a separate thread, for JavaScript that does not return:
// an endless loop, a call that blocks. src/linux/native.ts documents the calls.
//
// The loop counts its turns and RxAction the calls of pollers; a store each. The watching thread
// reads both a few times within the limit, so nothing is measured per frame.
#ifndef VNET_NATIVE_LOCKUP_H
#define VNET_NATIVE_LOCKUP_H

#include <napi.h>

namespace vnet {

Napi::Value WatchLockups(const Napi::CallbackInfo& info);

}  // namespace vnet

#endif
