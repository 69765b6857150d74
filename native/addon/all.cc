// The addon as one translation unit. Each of its files by itself reads <napi.h>, which takes most
// of the time of its compilation: together they take a fifth of it. An anonymous namespace is
// therefore one for all files.
#include "addon.cc"
#include "aside.cc"
#include "batch.cc"
#include "netns.cc"
#include "poller.cc"
#include "privileges.cc"
#include "rx-action.cc"
#include "supervise.cc"
#include "sys.cc"
