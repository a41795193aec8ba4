#pragma once

#include <functional>

#include "abi.h"

namespace stand_in {

// Queues work of this thread, which is done at this thread's next bm_thread_sync, and not before.
void queue(sophon::abi::Handle handle, std::function<void()> work);

// Where the bytes of device memory really are; null, and a breach, when they are in no allocation.
unsigned char* reach(const sophon::abi::DeviceMem& memory, uint64_t offset, uint64_t bytes);

}  // namespace stand_in
