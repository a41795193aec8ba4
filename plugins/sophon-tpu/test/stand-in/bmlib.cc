#include "chip.h"

#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "control.h"

namespace {

using namespace sophon::abi;
using namespace stand_in;

struct Chip {
  std::mutex mutex;
  // By the thread that launched, as the driver keeps it.
  std::map<std::thread::id, std::vector<std::function<void()>>> queued;
  int handles = 0;
};

Chip chip;
std::mutex memoryMutex;
std::map<uint64_t, uint64_t>& allocations() {
  static auto* const all = new std::map<uint64_t, uint64_t>;
  return *all;
}

// Freed memory by size, given out again first: a device's heap hands out the same addresses again and again.
std::map<uint64_t, std::vector<unsigned char*>>& spare() {
  static auto* const all = new std::map<uint64_t, std::vector<unsigned char*>>;
  return *all;
}

unsigned char* take(uint64_t bytes) {
  auto& fitting = spare()[bytes];
  if (fitting.empty()) return new unsigned char[bytes]();
  unsigned char* const data = fitting.back();
  fitting.pop_back();
  return data;
}

bool pending() {
  const std::lock_guard<std::mutex> lock(chip.mutex);
  return !chip.queued[std::this_thread::get_id()].empty();
}

void drain() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard<std::mutex> lock(chip.mutex);
    work.swap(chip.queued[std::this_thread::get_id()]);
  }
  for (const auto& one : work) one();
}

}  // namespace

namespace stand_in {

void queue(Handle, std::function<void()> work) {
  const std::lock_guard<std::mutex> lock(chip.mutex);
  chip.queued[std::this_thread::get_id()].push_back(std::move(work));
}

unsigned char* reach(const DeviceMem& memory, uint64_t offset, uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(memoryMutex);
  const uint64_t begin = memory.address + offset;
  auto next = allocations().upper_bound(begin);
  if (next != allocations().begin()) {
    const auto& [at, size] = *--next;
    if (begin >= at && begin + bytes <= at + size) return reinterpret_cast<unsigned char*>(begin);
  }
  breach("outside");
  return nullptr;
}

}  // namespace stand_in

extern "C" {

Status bm_dev_getcount(int* count) {
  *count = 1;
  return kSuccess;
}

Status bm_dev_request(Handle* handle, int) {
  std::printf("stand-in: vendor's chatter on stdout\n");
  if (const Orders orders = obey("bm_dev_request"); orders.status) return orders.status;
  stand_in::count(Count::kHandles, 1);
  *handle = new int(0);
  return kSuccess;
}

void bm_dev_free(Handle handle) {
  stand_in::count(Count::kHandles, -1);
  delete static_cast<int*>(handle);
}

Status bm_get_chipid(Handle, unsigned* id) {
  *id = 0x1686;
  return kSuccess;
}

Status bm_thread_sync(Handle) {
  const InUse inUse;
  const Orders orders = obey("bm_thread_sync");
  drain();
  return orders.status;
}

Status bm_malloc_device_byte(Handle, DeviceMem* memory, unsigned bytes) {
  if (const Orders orders = obey("bm_malloc_device_byte"); orders.status) return orders.status;
  const std::lock_guard<std::mutex> lock(memoryMutex);
  unsigned char* const data = take(bytes);
  *memory = {reinterpret_cast<uint64_t>(data), 0, -1, 0, bytes};
  allocations()[memory->address] = bytes;
  stand_in::count(Count::kAllocations, 1);
  return kSuccess;
}

void bm_free_device(Handle, DeviceMem memory) {
  const std::lock_guard<std::mutex> lock(memoryMutex);
  const auto found = allocations().find(memory.address);
  if (found == allocations().end()) return breach("freedTwice");
  spare()[found->second].push_back(reinterpret_cast<unsigned char*>(memory.address));
  allocations().erase(found);
  stand_in::count(Count::kAllocations, -1);
}

Status bm_memcpy_s2d_partial_offset(Handle, DeviceMem memory, void* from, unsigned bytes, unsigned offset) {
  const InUse inUse;
  if (pending()) breach("writtenBeforeSync");
  if (const Orders orders = obey("bm_memcpy_s2d_partial_offset"); orders.status) return orders.status;
  unsigned char* const to = reach(memory, offset, bytes);
  if (!to) return 4;
  std::memcpy(to, from, bytes);
  return kSuccess;
}

Status bm_memcpy_d2s_partial_offset(Handle, void* to, DeviceMem memory, unsigned bytes, unsigned offset) {
  const InUse inUse;
  if (pending()) breach("readBeforeSync");
  if (const Orders orders = obey("bm_memcpy_d2s_partial_offset"); orders.status) return orders.status;
  const unsigned char* const from = reach(memory, offset, bytes);
  if (!from) return 4;
  std::memcpy(to, from, bytes);
  return kSuccess;
}

Status bm_memcpy_d2d_byte(Handle, DeviceMem to, size_t toOffset, DeviceMem from, size_t fromOffset, size_t bytes) {
  const InUse inUse;
  drain();
  if (const Orders orders = obey("bm_memcpy_d2d_byte"); orders.status) return orders.status;
  unsigned char* const target = reach(to, toOffset, bytes);
  const unsigned char* const source = reach(from, fromOffset, bytes);
  if (!target || !source) return 4;
  std::memmove(target, source, bytes);
  return kSuccess;
}

Status bm_memset_device_ext(Handle, void* value, int mode, DeviceMem memory) {
  const InUse inUse;
  drain();
  if (const Orders orders = obey("bm_memset_device_ext"); orders.status) return orders.status;
  unsigned char* const target = reach(memory, 0, memory.size);
  if (!target || memory.size % mode != 0) return 4;
  for (uint32_t i = 0; i < memory.size; ++i) target[i] = static_cast<unsigned char*>(value)[i % mode];
  return kSuccess;
}

Status bm_get_stat(Handle, DeviceStat* stat) {
  stat->memory_total = 8192;
  stat->memory_used = 1024;
  stat->tpu_utilization = 37;
  return kSuccess;
}

Status bm_get_chip_temp(Handle, unsigned* celsius) {
  *celsius = 61;
  return kSuccess;
}

// As on a box: the driver answers some questions and not others.
Status bm_get_board_temp(Handle, unsigned*) { return 9; }

Status bm_get_tpu_power(Handle, float* watts) {
  *watts = 12.5F;
  return kSuccess;
}

}  // extern "C"
