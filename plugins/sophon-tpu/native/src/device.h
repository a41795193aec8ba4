#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "library.h"
#include "turnstile.h"

namespace sophon {

// What the driver says; what it does not say is absent.
struct Readings {
  std::optional<int> memoryTotalMB, memoryUsedMB, utilizationPercent;
  std::optional<unsigned> chipCelsius, boardCelsius;
  std::optional<float> tpuWatts;
};

struct Range {
  uint64_t begin;
  uint64_t end;
};

// One device, with one handle for all threads of the process: libbmrt keeps weights once per process and frees them through
// the handle that came first, so the handle must outlive every runtime.
class Device {
 public:
  // The open device, or opens it. `syncTimeoutMs` 0: as the driver has it.
  static std::shared_ptr<Device> open(int id, int syncTimeoutMs);

  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  int id() const { return id_; }
  abi::Handle handle() const { return handle_; }
  Turnstile& turnstile() { return turnstile_; }
  unsigned chip() const;
  Readings read() const;

  // Writes a few bytes and reads them back, and notes that the device is lost when they do not come. Callers hold the turnstile.
  void probe(const std::string& after);
  // Empty: it is not.
  std::string lost();
  // Throws when it is lost and still does not answer.
  void requireAnswer();

  // Notes the memory of a runtime, and refuses what overlaps another's. `owner` is forgotten by `forget`.
  void remember(const void* owner, std::vector<Range> ranges, bool allowOverlap);
  void forget(const void* owner);

 private:
  Device(int id, int syncTimeoutMs);
  bool answers();

  const int id_;
  abi::Handle handle_ = nullptr;
  abi::DeviceMem probe_{};
  Turnstile turnstile_;
  std::mutex mutex_;
  std::string lost_;
  std::map<const void*, std::vector<Range>> ranges_;
};

}  // namespace sophon
