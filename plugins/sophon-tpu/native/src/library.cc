#include "library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>

namespace sophon {

namespace {

std::mutex mutex;
// Never destroyed: threads may still be closing their instances while the process ends.
Library* loaded = nullptr;
std::string loadedFrom;

// The vendor's libraries print to stdout, where the server's log lines are; Node writes those to the descriptor and not
// through libc, so pointing libc's and C++'s stdout at stderr parts the two for good.
void sendPrintsToStderr() {
#ifdef __GLIBC__
  std::fflush(stdout);
  stdout = stderr;
#endif
  std::cout.rdbuf(std::cerr.rdbuf());
}

void* open(const std::string& folder, const std::vector<const char*>& names, int flags, std::string& why) {
  for (const char* name : names) {
    const std::string path = folder.empty() ? name : folder + "/" + name;
    if (void* found = dlopen(path.c_str(), RTLD_NOW | flags)) return found;
    if (const char* error = dlerror(); error && why.empty()) why = error;
  }
  return nullptr;
}

template <class... Entries>
void resolve(void* from, std::vector<std::string>* missing, Entries&... entries) {
  const auto one = [&](auto& entry) {
    entry.resolve(dlsym(from, entry.name()));
    if (!entry && missing) missing->push_back(entry.name());
  };
  (one(entries), ...);
}

Library* resolveAll(void* bmlib, void* bmrt, const std::string& folder) {
  auto found = std::make_unique<Library>();
  Library& l = *found;
  std::vector<std::string> missing;
  resolve(bmlib, &missing, l.bm_dev_getcount, l.bm_dev_request, l.bm_dev_free, l.bm_get_chipid, l.bm_thread_sync,
          l.bm_malloc_device_byte, l.bm_free_device, l.bm_memcpy_s2d_partial_offset, l.bm_memcpy_d2s_partial_offset,
          l.bm_memcpy_d2d_byte, l.bm_memset_device_ext);
  resolve(bmrt, &missing, l.bmrt_create, l.bmrt_destroy, l.bmrt_load_bmodel, l.bmrt_get_network_number,
          l.bmrt_get_network_names, l.bmrt_get_network_info, l.bmrt_launch_tensor_ex);
  resolve(bmlib, nullptr, l.bm_set_sync_timeout, l.bm_get_stat, l.bm_get_chip_temp, l.bm_get_board_temp,
          l.bm_get_tpu_power);
  resolve(bmrt, nullptr, l.bmrt_set_flags);
  if (missing.empty()) return found.release();
  std::string list;
  for (const std::string& name : missing) list += (list.empty() ? "" : ", ") + name;
  throw Fault("library", "libbmlib and libbmrt of " + (folder.empty() ? "the loader's search" : folder) + " lack " + list +
                             ". Install a libsophon that has them", true);
}

}  // namespace

std::string loadLibraries(const std::vector<std::string>& folders) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (loaded) {
    if (std::find(folders.begin(), folders.end(), loadedFrom) != folders.end()) return loadedFrom;
    throw Fault("library", "This process uses the libraries of " + loadedFrom +
                               " already, and a process has one copy. Name one folder for all models", true);
  }
  sendPrintsToStderr();
  std::string report;
  for (const std::string& folder : folders) {
    std::string why;
    // The simulator in place of a chip; on a box there is none. libbmlib finds it among the loaded symbols.
    open(folder, {"libcmodel.so"}, RTLD_GLOBAL, why);
    why.clear();
    void* bmlib = open(folder, {"libbmlib.so.0", "libbmlib.so"}, RTLD_GLOBAL, why);
    void* bmrt = bmlib ? open(folder, {"libbmrt.so.1.0", "libbmrt.so"}, RTLD_LOCAL, why) : nullptr;
    if (bmrt) {
      loaded = resolveAll(bmlib, bmrt, folder);
      loadedFrom = folder;
      return folder;
    }
    report += (report.empty() ? "" : "; ") + (folder.empty() ? "the loader's search" : folder) + " (" + why + ")";
  }
  throw Fault("library", "libbmlib.so.0 and libbmrt.so.1.0 were not found. Looked in: " + report +
                             ". Install libsophon, or name their folder in options.libraries", true);
}

const Library& library() {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!loaded) throw Fault("usage", "No libraries are loaded: loadLibraries comes first");
  return *loaded;
}

}  // namespace sophon
