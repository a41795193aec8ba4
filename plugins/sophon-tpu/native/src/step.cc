#include "step.h"

#include <algorithm>

namespace sophon {

void Step::run(Runtime& runtime, const int32_t* cancel) {
  runtime.requireUsable();
  std::unique_lock<Turnstile> turn(runtime.device().turnstile(), std::defer_lock);
  if (!runtime.unsafe().noTurnstile) turn.lock();
  try {
    perform(runtime, cancel);
  } catch (Fault& fault) {
    fault.operation = static_cast<int>(std::min(current_, operations_.size() - 1));
    if (fault.fatal) {
      runtime.breakDown(fault.what());
      runtime.device().probe(fault.what());
    }
    throw;
  }
}

void Step::perform(Runtime& runtime, const int32_t* cancel) {
  outstanding_ = nullptr;
  for (current_ = 0; current_ < operations_.size(); ++current_) {
    if (cancel && __atomic_load_n(cancel, __ATOMIC_ACQUIRE) != 0) {
      // What runs now must be over before others have the device, and before this memory is used again.
      settle(runtime);
      throw Fault("cancelled", "The step was cancelled before operation " + std::to_string(current_) + " of " +
                                   std::to_string(operations_.size()));
    }
    execute(runtime, operations_[current_]);
  }
  settle(runtime);
}

void Step::execute(Runtime& runtime, Operation& operation) {
  const Library& l = library();
  const abi::Handle handle = runtime.device().handle();
  if (operation.kind == Kind::kLaunch) return launch(runtime, operation);
  // Launches follow one another on the device; copies from and to the host do not wait for them.
  settle(runtime);
  if (operation.bytes == 0) return;
  const auto bytes = static_cast<unsigned>(operation.bytes);
  const auto offset = static_cast<unsigned>(operation.offset);
  switch (operation.kind) {
    case Kind::kUpload:
      check(l.bm_memcpy_s2d_partial_offset(handle, operation.memory, operation.host, bytes, offset),
            "bm_memcpy_s2d_partial_offset", "Copying to the device");
      break;
    case Kind::kDownload:
      check(l.bm_memcpy_d2s_partial_offset(handle, operation.host, operation.memory, bytes, offset),
            "bm_memcpy_d2s_partial_offset", "Copying from the device");
      break;
    case Kind::kCopy:
      check(l.bm_memcpy_d2d_byte(handle, operation.to, operation.toOffset, operation.memory, operation.offset, operation.bytes),
            "bm_memcpy_d2d_byte", "Copying on the device");
      break;
    case Kind::kFill: {
      abi::DeviceMem part = operation.memory;
      part.address += operation.offset;
      part.size = bytes;
      check(l.bm_memset_device_ext(handle, &operation.pattern, sizeof operation.pattern, part), "bm_memset_device_ext",
            "Filling device memory");
      break;
    }
    case Kind::kLaunch:
      break;
  }
}

void Step::launch(Runtime& runtime, const Operation& operation) {
  const Network& network = *operation.network;
  const abi::NetInfo& info = *network.info;
  abi::Tensor* const inputs = tensors_.data() + operation.firstTensor;
  try {
    const bool launched = library().bmrt_launch_tensor_ex(runtime.pointer(), network.name.c_str(), inputs, info.input_num,
                                                          inputs + info.input_num, info.output_num, true, false);
    if (!launched) {
      settle(runtime);
      throw Fault("launch", "libbmrt refused to launch " + network.name +
                                ": what it printed is on stderr. The instance has to be opened again", true);
    }
  } catch (Fault& fault) {
    if (fault.network.empty()) fault.network = network.name;
    throw;
  }
  if (!outstanding_) outstanding_ = &network;
}

// Waits for what was launched: on this thread, since the driver counts launches by thread.
void Step::settle(Runtime& runtime) {
  if (!outstanding_) return;
  const Network& first = *outstanding_;
  outstanding_ = nullptr;
  try {
    check(library().bm_thread_sync(runtime.device().handle()), "bm_thread_sync", "Running " + first.name + " and what followed it");
  } catch (Fault& fault) {
    fault.network = first.name;
    throw;
  }
}

}  // namespace sophon
