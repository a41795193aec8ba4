#include "runtime.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace sophon {

namespace {

// libbmrt keeps weights in a table of the process; loading and freeing take turns at it. Steps need not wait for them.
std::mutex& lifecycle() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}

std::atomic<MemoryId> lastMemory{0};

}  // namespace

Runtime::Runtime(std::shared_ptr<Device> device, const std::string& bmodel, Unsafe unsafe)
    : device_(std::move(device)), unsafe_(unsafe) {
  if (unsafe_.shareMemory || unsafe_.allowOverlap || unsafe_.noTurnstile) {
    std::fprintf(stderr, "BACKPLANE_SOPHON_TEST_UNSAFE is set: answers of this process may be wrong.\n");
  }
  device_->requireAnswer();
  try {
    load(bmodel);
    readNetworks();
  } catch (...) {
    close();
    throw;
  }
}

Runtime::~Runtime() { close(); }

void Runtime::load(const std::string& bmodel) {
  const Library& l = library();
  const std::lock_guard<std::mutex> lock(lifecycle());
  pointer_ = l.bmrt_create(device_->handle());
  if (!pointer_) throw Fault("device", "libbmrt made no runtime on the device: what it printed is on stderr", true);
  if (unsafe_.shareMemory && l.bmrt_set_flags) l.bmrt_set_flags(pointer_, abi::kShareMem);
  if (!l.bmrt_load_bmodel(pointer_, bmodel.c_str())) {
    throw Fault("bmodel", "libbmrt did not load " + bmodel +
                              ": what it printed is on stderr. The usual reasons: a bmodel for another chip, a libbmrt "
                              "older than the compiler that made it, or too little device memory", true);
  }
  check(l.bm_thread_sync(device_->handle()), "bm_thread_sync", "Loading " + bmodel);
}

void Runtime::readNetworks() {
  const Library& l = library();
  const int count = l.bmrt_get_network_number(pointer_);
  const char** names = nullptr;
  l.bmrt_get_network_names(pointer_, &names);
  std::vector<std::string> all(names, names + (names ? count : 0));
  std::free(names);
  std::vector<Range> ranges;
  for (const std::string& name : all) {
    const abi::NetInfo* info = l.bmrt_get_network_info(pointer_, name.c_str());
    if (!info) throw Fault("bmodel", "libbmrt names a network " + name + " and knows nothing of it", true);
    Network network{name, info, {}};
    for (int stage = 0; stage < info->stage_num; ++stage) {
      std::vector<MemoryId> ids;
      const auto take = [&](const abi::DeviceMem& memory) {
        ids.push_back(add(memory, false));
        if (memory.size > 0) ranges.push_back({memory.address, memory.address + memory.size});
      };
      for (int i = 0; i < info->input_num; ++i) take(info->stages[stage].input_mems[i]);
      for (int i = 0; i < info->output_num; ++i) take(info->stages[stage].output_mems[i]);
      network.memories.push_back(std::move(ids));
    }
    networks_.push_back(std::move(network));
  }
  device_->remember(this, std::move(ranges), unsafe_.allowOverlap);
}

MemoryId Runtime::add(const abi::DeviceMem& memory, bool allocated) {
  const MemoryId id = ++lastMemory;
  memories_[id] = {memory, allocated};
  return id;
}

MemoryId Runtime::allocate(uint64_t bytes) {
  requireUsable();
  if (bytes == 0 || bytes > UINT32_MAX) throw Fault("usage", "Device memory comes in pieces of 1 byte to 4 GiB");
  abi::DeviceMem memory{};
  check(library().bm_malloc_device_byte(device_->handle(), &memory, static_cast<unsigned>(bytes)), "bm_malloc_device_byte",
        "Allocating " + std::to_string(bytes) + " bytes of device memory");
  return add(memory, true);
}

void Runtime::free(MemoryId id) {
  const auto found = memories_.find(id);
  if (found == memories_.end() || !found->second.allocated) {
    throw Fault("usage", "This memory was not allocated by this runtime, or is free already");
  }
  const abi::DeviceMem memory = found->second.memory;
  memories_.erase(found);
  library().bm_free_device(device_->handle(), memory);
}

const abi::DeviceMem* Runtime::memory(MemoryId id) const {
  const auto found = memories_.find(id);
  return found == memories_.end() ? nullptr : &found->second.memory;
}

void Runtime::requireUsable() const {
  if (!pointer_) throw Fault("usage", "This runtime was closed", true);
  if (!broken_.empty()) throw Fault("device", "This runtime can only be closed, since: " + broken_, true);
}

void Runtime::close() noexcept {
  if (!pointer_) return;
  const Library& l = library();
  const abi::Runtime pointer = std::exchange(pointer_, nullptr);
  device_->forget(this);
  const auto attempt = [](const auto& call) {
    try {
      call();
    } catch (const Fault& fault) {
      std::fprintf(stderr, "An instance was not closed well: %s\n", fault.what());
    }
  };
  for (const auto& [id, owned] : memories_) {
    if (owned.allocated) attempt([&, &memory = owned.memory] { l.bm_free_device(device_->handle(), memory); });
  }
  memories_.clear();
  networks_.clear();
  const std::lock_guard<std::mutex> lock(lifecycle());
  attempt([&] { l.bmrt_destroy(pointer); });
}

}  // namespace sophon
