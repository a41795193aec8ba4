#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "device.h"

namespace sophon {

// Rules that a test may break (src/native.ts).
struct Unsafe {
  bool shareMemory = false;
  bool allowOverlap = false;
  bool noTurnstile = false;
};

using MemoryId = uint64_t;

struct Network {
  std::string name;
  const abi::NetInfo* info;
  // Per stage, inputs before outputs.
  std::vector<std::vector<MemoryId>> memories;
};

// One loaded bmodel with memory of its own. Used by one thread at a time; close() by any, but not during a step.
class Runtime {
 public:
  Runtime(std::shared_ptr<Device> device, const std::string& bmodel, Unsafe unsafe);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  Device& device() { return *device_; }
  abi::Runtime pointer() const { return pointer_; }
  const std::vector<Network>& networks() const { return networks_; }
  const Unsafe& unsafe() const { return unsafe_; }

  MemoryId allocate(uint64_t bytes);
  void free(MemoryId id);
  // Null for what is not, or no longer, this runtime's.
  const abi::DeviceMem* memory(MemoryId id) const;

  // Throws when it was closed, or can only be closed.
  void requireUsable() const;
  void breakDown(const std::string& why) { broken_ = why; }

  // Frees everything it has on the device. May be called again.
  void close() noexcept;

 private:
  struct Owned {
    abi::DeviceMem memory;
    bool allocated;
  };

  void load(const std::string& bmodel);
  void readNetworks();
  MemoryId add(const abi::DeviceMem& memory, bool allocated);

  std::shared_ptr<Device> device_;
  const Unsafe unsafe_;
  abi::Runtime pointer_ = nullptr;
  std::string broken_;
  std::vector<Network> networks_;
  std::unordered_map<MemoryId, Owned> memories_;
};

}  // namespace sophon
