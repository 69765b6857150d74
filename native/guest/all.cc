// vnet-guest as one translation unit, as addon/all.cc is.
#include "files.cc"
#include "guest.cc"
#include "mail.cc"
#include "modules.cc"
#include "usage.cc"
