#include "device.h"

#include <cstdio>
#include <cstring>

namespace sophon {

namespace {

std::mutex registryMutex;
// Never destroyed: see library.cc.
std::map<int, std::weak_ptr<Device>>& registry() {
  static auto* const devices = new std::map<int, std::weak_ptr<Device>>;
  return *devices;
}

constexpr unsigned kProbeBytes = 64;

std::string nameOf(int id) { return "Device " + std::to_string(id); }

template <class Value, class Call>
std::optional<Value> ask(const Call& call, abi::Handle handle) {
  Value value{};
  if (!call || call(handle, &value) != abi::kSuccess || value == Value{}) return std::nullopt;
  return value;
}

}  // namespace

std::shared_ptr<Device> Device::open(int id, int syncTimeoutMs) {
  const std::lock_guard<std::mutex> lock(registryMutex);
  if (auto open = registry()[id].lock()) return open;
  // Asked first, because the simulator ends the process when the id is out of range.
  int there = 0;
  check(library().bm_dev_getcount(&there), "bm_dev_getcount", "Counting the devices");
  if (id < 0 || id >= there) {
    throw Fault("device", nameOf(id) + " is not there: the driver has " + std::to_string(there) +
                              ", counted from 0. Look at /dev/bm* and options.device", true);
  }
  std::shared_ptr<Device> device(new Device(id, syncTimeoutMs));
  registry()[id] = device;
  return device;
}

Device::Device(int id, int syncTimeoutMs) : id_(id) {
  const Library& l = library();
  check(l.bm_dev_request(&handle_, id), "bm_dev_request", "Opening device " + std::to_string(id));
  try {
    if (syncTimeoutMs > 0 && l.bm_set_sync_timeout) {
      check(l.bm_set_sync_timeout(handle_, syncTimeoutMs), "bm_set_sync_timeout", "Setting the timeout of " + nameOf(id));
    }
    check(l.bm_malloc_device_byte(handle_, &probe_, kProbeBytes), "bm_malloc_device_byte", "Opening device " + std::to_string(id));
  } catch (...) {
    l.bm_dev_free(handle_);
    throw;
  }
}

Device::~Device() {
  try {
    library().bm_free_device(handle_, probe_);
    library().bm_dev_free(handle_);
  } catch (const Fault& fault) {
    std::fprintf(stderr, "%s was not closed well: %s\n", nameOf(id_).c_str(), fault.what());
  }
}

unsigned Device::chip() const {
  unsigned chip = 0;
  check(library().bm_get_chipid(handle_, &chip), "bm_get_chipid", "Asking " + nameOf(id_) + " for its chip");
  return chip;
}

Readings Device::read() const {
  const Library& l = library();
  Readings readings;
  abi::DeviceStat stat{};
  // The simulator says success and writes nothing.
  if (l.bm_get_stat && l.bm_get_stat(handle_, &stat) == abi::kSuccess && stat.memory_total > 0) {
    readings.memoryTotalMB = stat.memory_total;
    readings.memoryUsedMB = stat.memory_used;
    readings.utilizationPercent = stat.tpu_utilization;
  }
  readings.chipCelsius = ask<unsigned>(l.bm_get_chip_temp, handle_);
  readings.boardCelsius = ask<unsigned>(l.bm_get_board_temp, handle_);
  readings.tpuWatts = ask<float>(l.bm_get_tpu_power, handle_);
  return readings;
}

bool Device::answers() {
  const Library& l = library();
  unsigned char sent[kProbeBytes];
  unsigned char received[kProbeBytes] = {};
  std::memset(sent, 0xA5, sizeof sent);
  try {
    return l.bm_memcpy_s2d_partial_offset(handle_, probe_, sent, kProbeBytes, 0) == abi::kSuccess &&
           l.bm_thread_sync(handle_) == abi::kSuccess &&
           l.bm_memcpy_d2s_partial_offset(handle_, received, probe_, kProbeBytes, 0) == abi::kSuccess &&
           std::memcmp(sent, received, kProbeBytes) == 0;
  } catch (const Fault&) {
    return false;
  }
}

void Device::probe(const std::string& after) {
  const bool alive = answers();
  const std::lock_guard<std::mutex> lock(mutex_);
  lost_ = alive ? "" : nameOf(id_) + " stopped answering: " + after;
}

std::string Device::lost() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return lost_;
}

void Device::requireAnswer() {
  const std::string before = lost();
  if (before.empty()) return;
  const std::lock_guard<Turnstile> turn(turnstile_);
  if (!answers()) {
    throw Fault("device", before + ". It still does not answer, and is opened afresh once all its instances have closed", true);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  lost_.clear();
}

void Device::remember(const void* owner, std::vector<Range> ranges, bool allowOverlap) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [other, taken] : ranges_) {
    for (const Range& mine : ranges) {
      for (const Range& theirs : taken) {
        if (mine.begin < theirs.end && theirs.begin < mine.end && !allowOverlap) {
          throw Fault("overlap",
                      "This libbmrt gives two instances the same activation memory, so their answers would mix. "
                      "Use a libsophon that keeps memory apart, or one instance per process", true);
        }
      }
    }
  }
  ranges_[owner] = std::move(ranges);
}

void Device::forget(const void* owner) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ranges_.erase(owner);
}

}  // namespace sophon
