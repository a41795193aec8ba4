// The C interface of libbmlib and libbmrt as this project uses it, stated from its observed layout (LP64).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sophon::abi {

using Handle = void*;   // bm_handle_t
using Runtime = void*;  // void* p_bmrt
using Status = int;     // bm_status_t

constexpr Status kSuccess = 0;
constexpr Status kTimeout = 3;
constexpr Status kNoMemory = 5;

constexpr uint32_t kShareMem = 1;  // of bmrt_set_flags
constexpr int kMaxDims = 8;

// bm_device_mem_t; passed by value.
struct DeviceMem {
  uint64_t address;
  uint32_t reserved;
  int32_t dmabuf_fd;
  uint32_t flags;
  uint32_t size;
};

struct Shape {
  int32_t num_dims;
  int32_t dims[kMaxDims];
};

struct Tensor {
  int32_t dtype;
  Shape shape;
  DeviceMem memory;
  int32_t store_mode;
};

struct Stage {
  Shape* input_shapes;
  Shape* output_shapes;
  DeviceMem* input_mems;
  DeviceMem* output_mems;
};

struct NetInfo {
  const char* name;
  bool is_dynamic;
  int32_t input_num;
  const char** input_names;
  int32_t* input_dtypes;
  float* input_scales;
  int32_t output_num;
  const char** output_names;
  int32_t* output_dtypes;
  float* output_scales;
  int32_t stage_num;
  Stage* stages;
  size_t* max_input_bytes;
  size_t* max_output_bytes;
  int32_t* input_zero_points;
  int32_t* output_zero_points;
  int32_t* input_devices;
  int32_t* output_devices;
  int32_t core_num;
  int32_t address_mode;
};

struct HeapStat {
  uint32_t total;
  uint32_t available;
  uint32_t used;
};

// bm_dev_stat_t; megabytes and percent.
struct DeviceStat {
  int32_t memory_total;
  int32_t memory_used;
  int32_t tpu_utilization;
  int32_t heap_num;
  HeapStat heaps[4];
};

static_assert(sizeof(DeviceMem) == 24, "bm_device_mem_t has 24 bytes");
static_assert(sizeof(Shape) == 36, "bm_shape_t has 36 bytes");
static_assert(sizeof(Tensor) == 72 && offsetof(Tensor, memory) == 40, "bm_tensor_t has 72 bytes");
static_assert(sizeof(Stage) == 32, "bm_stage_info_t has 32 bytes");
static_assert(sizeof(NetInfo) == 144, "bm_net_info_t has 144 bytes");
static_assert(sizeof(DeviceStat) == 64, "bm_dev_stat_t has 64 bytes");

// Bits per element of bm_data_type_t, by its number: f32 f16 i8 u8 i16 u16 i32 u32 bf16 i4 u4.
constexpr int kBits[] = {32, 16, 8, 8, 16, 16, 32, 32, 16, 4, 4};
constexpr int kDtypes = sizeof(kBits) / sizeof(kBits[0]);

}  // namespace sophon::abi
