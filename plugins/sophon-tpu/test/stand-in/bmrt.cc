#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "chip.h"
#include "control.h"

extern "C" {
sophon::abi::Status bm_malloc_device_byte(sophon::abi::Handle, sophon::abi::DeviceMem*, unsigned);
void bm_free_device(sophon::abi::Handle, sophon::abi::DeviceMem);
}

namespace {

using namespace sophon::abi;
using namespace stand_in;

struct TensorPlan {
  std::string name;
  int dtype;
  Shape shape;
};

struct StagePlan {
  std::vector<TensorPlan> inputs, outputs;
};

uint64_t bytesOf(const Shape& shape, int dtype) {
  uint64_t bits = kBits[dtype];
  for (int i = 0; i < shape.num_dims; ++i) bits *= shape.dims[i];
  return (bits + 7) / 8;
}

// A network, and the arrays that its net_info points into. Every stage uses the memory of the first, as io_alone ones do.
struct Net {
  std::string name;
  bool dynamic = false;
  int addressMode = 0;
  std::vector<StagePlan> plans;
  std::vector<const char*> inputNames, outputNames;
  std::vector<int32_t> inputDtypes, outputDtypes;
  std::vector<size_t> inputBytes, outputBytes;
  std::vector<std::vector<Shape>> shapes;
  std::vector<std::vector<DeviceMem>> memories;
  std::vector<Stage> stages;
  NetInfo info{};
};

// What a void* p_bmrt points to.
struct Loaded {
  Handle handle;
  int number;
  uint32_t flags = 0;
  std::map<std::string, std::unique_ptr<Net>> nets;
  std::vector<DeviceMem> own;
};

std::mutex sharedMutex;
std::atomic<int> runtimes{0};
int sharers = 0;
// With SHARE_MEM: memory by network, side and index, for all runtimes of the process.
std::map<std::string, DeviceMem> shared;

Shape shapeOf(const std::string& text) {
  Shape shape{};
  std::istringstream dims(text);
  for (std::string dim; std::getline(dims, dim, 'x');) shape.dims[shape.num_dims++] = std::atoi(dim.c_str());
  return shape;
}

void parse(Loaded& runtime, std::istream& text) {
  Net* net = nullptr;
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    std::string verb, name, value;
    words >> verb;
    if (verb == "network") {
      auto made = std::make_unique<Net>();
      words >> made->name >> value >> made->addressMode;
      made->dynamic = value == "dynamic";
      net = made.get();
      runtime.nets[net->name] = std::move(made);
    } else if (verb == "stage") {
      net->plans.emplace_back();
    } else if (verb == "in" || verb == "out") {
      TensorPlan tensor;
      words >> tensor.name >> tensor.dtype >> value;
      tensor.shape = shapeOf(value);
      (verb == "in" ? net->plans.back().inputs : net->plans.back().outputs).push_back(tensor);
    }
  }
}

bool memoryFor(Loaded& runtime, const std::string& key, uint64_t bytes, DeviceMem* memory) {
  const std::lock_guard<std::mutex> lock(sharedMutex);
  const bool share = runtime.flags & kShareMem;
  if (share && shared.count(key)) {
    *memory = shared[key];
    return true;
  }
  if (bm_malloc_device_byte(runtime.handle, memory, static_cast<unsigned>(bytes)) != kSuccess) return false;
  if (share) shared[key] = *memory;
  else runtime.own.push_back(*memory);
  return true;
}

bool lay(Loaded& runtime, Net& net, std::vector<TensorPlan> StagePlan::* side, const std::string& name,
         std::vector<const char*>& names, std::vector<int32_t>& dtypes, std::vector<size_t>& most) {
  const auto& first = net.plans[0].*side;
  for (size_t i = 0; i < first.size(); ++i) {
    size_t largest = 0;
    for (const StagePlan& plan : net.plans) largest = std::max<size_t>(largest, bytesOf((plan.*side)[i].shape, first[i].dtype));
    names.push_back(first[i].name.c_str());
    dtypes.push_back(first[i].dtype);
    most.push_back(largest);
  }
  std::vector<DeviceMem> memories(first.size());
  for (size_t i = 0; i < first.size(); ++i) {
    if (!memoryFor(runtime, net.name + name + std::to_string(i), most[i], &memories[i])) return false;
  }
  for (const StagePlan& plan : net.plans) {
    std::vector<Shape> shapes;
    std::vector<DeviceMem> ofStage = memories;
    for (size_t i = 0; i < first.size(); ++i) {
      shapes.push_back((plan.*side)[i].shape);
      ofStage[i].size = static_cast<uint32_t>(bytesOf(shapes[i], first[i].dtype));
    }
    net.shapes.push_back(std::move(shapes));
    net.memories.push_back(std::move(ofStage));
  }
  return true;
}

bool build(Loaded& runtime, Net& net) {
  if (!lay(runtime, net, &StagePlan::inputs, "/in", net.inputNames, net.inputDtypes, net.inputBytes)) return false;
  if (!lay(runtime, net, &StagePlan::outputs, "/out", net.outputNames, net.outputDtypes, net.outputBytes)) return false;
  const size_t count = net.plans.size();
  for (size_t s = 0; s < count; ++s) {
    net.stages.push_back({net.shapes[s].data(), net.shapes[count + s].data(), net.memories[s].data(), net.memories[count + s].data()});
  }
  NetInfo& info = net.info;
  info.name = net.name.c_str();
  info.is_dynamic = net.dynamic;
  info.address_mode = net.addressMode;
  info.core_num = 1;
  info.input_num = static_cast<int32_t>(net.inputNames.size());
  info.input_names = net.inputNames.data();
  info.input_dtypes = net.inputDtypes.data();
  info.max_input_bytes = net.inputBytes.data();
  info.output_num = static_cast<int32_t>(net.outputNames.size());
  info.output_names = net.outputNames.data();
  info.output_dtypes = net.outputDtypes.data();
  info.max_output_bytes = net.outputBytes.data();
  info.stage_num = static_cast<int32_t>(count);
  info.stages = net.stages.data();
  return true;
}

// Every output becomes the bytes of the first input, over and over: enough to see whose data came out.
void compute(const Tensor& input, const std::vector<Tensor>& outputs) {
  const uint64_t have = input.memory.size;
  const unsigned char* const from = reach(input.memory, 0, have);
  if (!from || have == 0) return;
  const std::vector<unsigned char> bytes(from, from + have);
  for (const Tensor& output : outputs) {
    unsigned char* const to = reach(output.memory, 0, output.memory.size);
    for (uint64_t i = 0; to && i < output.memory.size; ++i) to[i] = bytes[i % have];
  }
}

}  // namespace

extern "C" {

void* bmrt_create(Handle handle) {
  if (obey("bmrt_create").status) return nullptr;
  stand_in::count(Count::kRuntimes, 1);
  auto* const runtime = new Loaded{};
  runtime->handle = handle;
  runtime->number = runtimes++;
  return runtime;
}

void bmrt_destroy(void* pointer) {
  auto* const runtime = static_cast<Loaded*>(pointer);
  for (const DeviceMem& memory : runtime->own) bm_free_device(runtime->handle, memory);
  if (runtime->flags & kShareMem) {
    const std::lock_guard<std::mutex> lock(sharedMutex);
    if (--sharers == 0) {
      for (const auto& [key, memory] : shared) bm_free_device(runtime->handle, memory);
      shared.clear();
    }
  }
  delete runtime;
  stand_in::count(Count::kRuntimes, -1);
}

void bmrt_set_flags(void* pointer, uint32_t flags) {
  const std::lock_guard<std::mutex> lock(sharedMutex);
  static_cast<Loaded*>(pointer)->flags |= flags;
  if (flags & kShareMem) ++sharers;
}

bool bmrt_load_bmodel(void* pointer, const char* path) {
  auto& runtime = *static_cast<Loaded*>(pointer);
  if (obey("bmrt_load_bmodel").status) return false;
  std::ifstream file(path, std::ios::binary);
  file.seekg(64);
  parse(runtime, file);
  for (auto& [name, net] : runtime.nets) {
    if (!build(runtime, *net)) throw std::runtime_error("BMRuntime internal error.");
  }
  return !runtime.nets.empty();
}

int bmrt_get_network_number(void* pointer) { return static_cast<int>(static_cast<Loaded*>(pointer)->nets.size()); }

void bmrt_get_network_names(void* pointer, const char*** names) {
  const auto& nets = static_cast<Loaded*>(pointer)->nets;
  // The caller's to free.
  *names = static_cast<const char**>(std::malloc(nets.size() * sizeof(char*)));
  size_t i = 0;
  for (const auto& [name, net] : nets) (*names)[i++] = name.c_str();
}

const NetInfo* bmrt_get_network_info(void* pointer, const char* name) {
  const auto& nets = static_cast<Loaded*>(pointer)->nets;
  const auto found = nets.find(name);
  return found == nets.end() ? nullptr : &found->second->info;
}

bool bmrt_launch_tensor_ex(void* pointer, const char* name, const Tensor* inputs, int inputNum, Tensor* outputs, int outputNum,
                           bool, bool) {
  const InUse inUse;
  auto& runtime = *static_cast<Loaded*>(pointer);
  noteLaunch(runtime.number, name);
  const auto found = runtime.nets.find(name);
  if (found == runtime.nets.end() || inputNum != found->second->info.input_num) return false;
  if (obey("bmrt_launch_tensor_ex", name).status) return false;
  queue(runtime.handle, [input = inputs[0], all = std::vector<Tensor>(outputs, outputs + outputNum)] { compute(input, all); });
  return true;
}

}  // extern "C"
