#pragma once

#include <cstdint>
#include <vector>

#include "runtime.h"

namespace sophon {

struct HostBuffer {
  void* data;
  size_t bytes;
};

// A list of operations, in the words that src/program.ts writes. Kept by its runtime's object, so that its vectors are not
// allocated anew for every token.
class Step {
 public:
  // Checks every word and range, before the device is asked for anything. Buffers stay the caller's.
  void read(const Runtime& runtime, const double* words, size_t count, const std::vector<HostBuffer>& buffers);

  // Runs it in the device's turn, on this thread; `cancel` may be null.
  void run(Runtime& runtime, const int32_t* cancel);

 private:
  enum class Kind { kUpload = 1, kDownload = 2, kCopy = 3, kFill = 4, kLaunch = 5 };

  struct Operation {
    Kind kind;
    abi::DeviceMem memory;
    uint64_t offset;
    uint64_t bytes;
    // Upload, download: the host's side.
    void* host;
    // Copy: where to.
    abi::DeviceMem to;
    uint64_t toOffset;
    uint16_t pattern;
    // Launch: the network, and its tensors in tensors_.
    const Network* network;
    size_t firstTensor;
  };

  class Reader;

  void perform(Runtime& runtime, const int32_t* cancel);
  void execute(Runtime& runtime, Operation& operation);
  void launch(Runtime& runtime, const Operation& operation);
  void settle(Runtime& runtime);

  std::vector<Operation> operations_;
  std::vector<abi::Tensor> tensors_;
  // While it runs: which operation, and the first launch that is not known to be done.
  size_t current_ = 0;
  const Network* outstanding_ = nullptr;
};

}  // namespace sophon
