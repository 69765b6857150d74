#include "modules.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "fd.h"

namespace vnet {

namespace {

const char* const kModules = "/lib/vnet-guest/";
/** Each line: a pattern with '_' for '-', as all names here, then files in the order of loading. */
const char* const kTable = "/lib/vnet-guest/modules";

/** Returns whether a module is loaded, also if it was before. */
bool load(const std::string& path, const char* parameters = "") {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd && (::syscall(SYS_finit_module, fd.get(), parameters, 0) == 0 || errno == EEXIST);
}

bool loadByName(std::string wanted, const std::string& parameters) {
  std::replace(wanted.begin(), wanted.end(), '-', '_');
  std::FILE* table = std::fopen(kTable, "re");
  bool isLoaded = false;
  char* line = nullptr;
  size_t size = 0;
  while (table != nullptr && ::getline(&line, &size, table) >= 0) {
    char* rest = nullptr;
    const char* pattern = ::strtok_r(line, " \n", &rest);
    if (pattern == nullptr || ::fnmatch(pattern, wanted.c_str(), 0) != 0) continue;
    for (const char* file = ::strtok_r(nullptr, " \n", &rest); file != nullptr;) {
      const char* next = ::strtok_r(nullptr, " \n", &rest);
      isLoaded = load(std::string(kModules) + file, next == nullptr ? parameters.c_str() : "");
      file = next;
    }
  }
  std::free(line);
  if (table != nullptr) std::fclose(table);
  return isLoaded;
}

}  // namespace

const char* loadAll(const char* directory) {
  std::vector<std::string> names;
  DIR* listing = ::opendir(directory);
  while (const dirent* entry = listing == nullptr ? nullptr : ::readdir(listing)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  if (listing != nullptr) ::closedir(listing);
  std::sort(names.begin(), names.end());
  static std::string failed;
  for (const std::string& name : names) {
    failed = std::string(directory) + "/" + name;
    if (!load(failed)) return failed.c_str();
  }
  return nullptr;
}

int modprobe(int count, char** arguments) {
  bool isQuiet = false;
  std::vector<std::string> names;
  std::string parameters;
  for (int i = 1; i < count; i++) {
    const std::string argument = arguments[i];
    if (argument == "-q" || argument == "--quiet") isQuiet = true;
    else if (argument.find('=') != std::string::npos) parameters += argument + " ";
    else if (!argument.starts_with("-")) names.push_back(argument);
  }
  int status = 0;
  for (const std::string& name : names) {
    if (loadByName(name, parameters)) continue;
    status = 1;
    if (!isQuiet) std::fprintf(stderr, "modprobe: the guest has no module %s\n", name.c_str());
  }
  return status;
}

}  // namespace vnet
