#include "step.h"

namespace sophon {

namespace {

[[noreturn]] void refuse(size_t operation, const std::string& why, const Network* network = nullptr) {
  Fault fault("usage", "Operation " + std::to_string(operation) + " of a step " + why);
  fault.operation = static_cast<int>(operation);
  if (network) fault.network = network->name;
  throw fault;
}

std::string text(const abi::Shape& shape) {
  std::string list;
  for (int i = 0; i < shape.num_dims; ++i) list += (i ? "," : "") + std::to_string(shape.dims[i]);
  return "[" + list + "]";
}

// Whether a launch with this shape stays within one that was compiled: the same, or no larger where sizes may vary.
bool within(const abi::Shape& shape, const abi::Shape& compiled, bool dynamic) {
  if (shape.num_dims != compiled.num_dims) return false;
  for (int i = 0; i < shape.num_dims; ++i) {
    if (dynamic ? shape.dims[i] > compiled.dims[i] : shape.dims[i] != compiled.dims[i]) return false;
  }
  return true;
}

}  // namespace

class Step::Reader {
 public:
  Reader(const Runtime& runtime, const double* words, size_t count) : runtime_(runtime), at_(words), end_(words + count) {}

  bool more() const { return at_ < end_; }
  void next(size_t operation) { operation_ = operation; }

  uint64_t number() {
    if (at_ == end_) refuse(operation_, "is cut off");
    const double word = *at_++;
    // Not-a-number fails both comparisons.
    if (!(word >= 0 && word <= 9007199254740991.0) || word != static_cast<double>(static_cast<uint64_t>(word))) {
      refuse(operation_, "has a size, place or value that is no whole number from 0 on");
    }
    return static_cast<uint64_t>(word);
  }

  const abi::DeviceMem& memory() {
    const abi::DeviceMem* const found = runtime_.memory(number());
    if (!found) refuse(operation_, "uses memory that is not, or no longer, this runtime's");
    return *found;
  }

  const HostBuffer& buffer(const std::vector<HostBuffer>& buffers) {
    const uint64_t index = number();
    if (index >= buffers.size()) refuse(operation_, "names no host buffer");
    return buffers[index];
  }

  void within(const abi::DeviceMem& memory, uint64_t offset, uint64_t bytes, const Network* network = nullptr) {
    if (offset <= memory.size && bytes <= memory.size - offset) return;
    refuse(operation_, "reaches outside its memory: " + std::to_string(bytes) + " bytes from " + std::to_string(offset) +
                           " on, of " + std::to_string(memory.size), network);
  }

  const Network& network() {
    const uint64_t index = number();
    if (index >= runtime_.networks().size()) refuse(operation_, "launches no network of this model");
    return runtime_.networks()[index];
  }

  abi::Tensor tensor(const Network& network, int32_t dtype) {
    abi::Tensor tensor{};
    tensor.dtype = dtype;
    const abi::DeviceMem& whole = memory();
    const uint64_t offset = number();
    const uint64_t rank = number();
    if (rank > abi::kMaxDims) refuse(operation_, "has a tensor with more than 8 dimensions", &network);
    if (dtype < 0 || dtype >= abi::kDtypes) refuse(operation_, "has a tensor of an unknown type", &network);
    tensor.shape.num_dims = static_cast<int32_t>(rank);
    uint64_t elements = 1;
    for (uint64_t i = 0; i < rank; ++i) {
      const uint64_t size = number();
      if (size > INT32_MAX || (elements *= size) > (uint64_t{1} << 40)) refuse(operation_, "has a tensor too large", &network);
      tensor.shape.dims[i] = static_cast<int32_t>(size);
    }
    const uint64_t bytes = (elements * abi::kBits[dtype] + 7) / 8;
    within(whole, offset, bytes, &network);
    tensor.memory = whole;
    tensor.memory.address += offset;
    tensor.memory.size = static_cast<uint32_t>(bytes);
    return tensor;
  }

  void requireArity(const Network& network, uint64_t inputs, uint64_t outputs) {
    const abi::NetInfo& info = *network.info;
    if (inputs == static_cast<uint64_t>(info.input_num) && outputs == static_cast<uint64_t>(info.output_num)) return;
    refuse(operation_, "launches " + network.name + " with " + std::to_string(inputs) + " inputs and " +
                           std::to_string(outputs) + " outputs; it has " + std::to_string(info.input_num) + " and " +
                           std::to_string(info.output_num), &network);
  }

  void requireStage(const Network& network, const abi::Tensor* inputs) {
    const abi::NetInfo& info = *network.info;
    for (int stage = 0; stage < info.stage_num; ++stage) {
      bool fits = true;
      for (int i = 0; fits && i < info.input_num; ++i) {
        fits = sophon::within(inputs[i].shape, info.stages[stage].input_shapes[i], info.is_dynamic);
      }
      if (fits) return;
    }
    std::string shapes;
    for (int i = 0; i < info.input_num; ++i) shapes += (i ? " " : "") + text(inputs[i].shape);
    refuse(operation_, "launches " + network.name + " with inputs " + shapes + ", which no stage of it was compiled for", &network);
  }

 private:
  const Runtime& runtime_;
  const double* at_;
  const double* const end_;
  size_t operation_ = 0;
};

void Step::read(const Runtime& runtime, const double* words, size_t count, const std::vector<HostBuffer>& buffers) {
  operations_.clear();
  tensors_.clear();
  Reader reader(runtime, words, count);
  while (reader.more()) {
    reader.next(operations_.size());
    Operation operation{};
    const uint64_t kind = reader.number();
    if (kind < 1 || kind > 5) refuse(operations_.size(), "is of no known kind");
    operation.kind = static_cast<Kind>(kind);
    switch (operation.kind) {
      case Kind::kUpload:
      case Kind::kDownload: {
        operation.memory = reader.memory();
        operation.offset = reader.number();
        const HostBuffer& buffer = reader.buffer(buffers);
        operation.host = buffer.data;
        operation.bytes = buffer.bytes;
        reader.within(operation.memory, operation.offset, operation.bytes);
        break;
      }
      case Kind::kCopy:
        operation.memory = reader.memory();
        operation.offset = reader.number();
        operation.to = reader.memory();
        operation.toOffset = reader.number();
        operation.bytes = reader.number();
        reader.within(operation.memory, operation.offset, operation.bytes);
        reader.within(operation.to, operation.toOffset, operation.bytes);
        break;
      case Kind::kFill: {
        operation.memory = reader.memory();
        operation.offset = reader.number();
        operation.bytes = reader.number();
        const uint64_t pattern = reader.number();
        if (pattern > UINT16_MAX || operation.bytes % 2 != 0) refuse(operations_.size(), "fills with no pattern of 16 bits");
        operation.pattern = static_cast<uint16_t>(pattern);
        reader.within(operation.memory, operation.offset, operation.bytes);
        break;
      }
      case Kind::kLaunch: {
        const Network& network = reader.network();
        operation.network = &network;
        operation.firstTensor = tensors_.size();
        const uint64_t inputs = reader.number();
        const uint64_t outputs = reader.number();
        reader.requireArity(network, inputs, outputs);
        for (uint64_t i = 0; i < inputs; ++i) tensors_.push_back(reader.tensor(network, network.info->input_dtypes[i]));
        reader.requireStage(network, tensors_.data() + operation.firstTensor);
        for (uint64_t i = 0; i < outputs; ++i) tensors_.push_back(reader.tensor(network, network.info->output_dtypes[i]));
        break;
      }
    }
    operations_.push_back(operation);
  }
}

}  // namespace sophon
