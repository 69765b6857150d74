// vnet-within as one translation unit, as addon/all.cc is.
#include "../sys-mount.cc"
#include "alone.cc"
#include "host-disk.cc"
#include "host-enter.cc"
#include "host-init.cc"
#include "stopped.cc"
#include "within.cc"
