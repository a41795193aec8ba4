#include "objects.h"

namespace sophon {

namespace {

Napi::Value stageTensors(Napi::Env env, const abi::Shape* shapes, const abi::DeviceMem* memories, const MemoryId* ids, int count) {
  Napi::Array list = Napi::Array::New(env, count);
  for (int i = 0; i < count; ++i) {
    Napi::Array shape = Napi::Array::New(env, shapes[i].num_dims);
    for (int d = 0; d < shapes[i].num_dims; ++d) shape.Set(d, Napi::Number::New(env, shapes[i].dims[d]));
    Napi::Object memory = Napi::Object::New(env);
    memory.Set("id", Napi::Number::New(env, static_cast<double>(ids[i])));
    memory.Set("bytes", Napi::Number::New(env, memories[i].size));
    Napi::Object tensor = Napi::Object::New(env);
    tensor.Set("shape", shape);
    tensor.Set("memory", memory);
    list.Set(i, tensor);
  }
  return list;
}

Napi::Value tensors(Napi::Env env, const char** names, const int32_t* dtypes, const size_t* maxBytes, int count) {
  Napi::Array list = Napi::Array::New(env, count);
  for (int i = 0; i < count; ++i) {
    Napi::Object tensor = Napi::Object::New(env);
    tensor.Set("name", Napi::String::New(env, names[i]));
    // Its number: src/native.ts has the names.
    tensor.Set("dtype", Napi::Number::New(env, dtypes[i]));
    tensor.Set("maxBytes", Napi::Number::New(env, static_cast<double>(maxBytes[i])));
    list.Set(i, tensor);
  }
  return list;
}

Napi::Value describe(Napi::Env env, const Network& network) {
  const abi::NetInfo& info = *network.info;
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", Napi::String::New(env, network.name));
  object.Set("dynamic", Napi::Boolean::New(env, info.is_dynamic));
  object.Set("addressMode", Napi::Number::New(env, info.address_mode));
  object.Set("inputs", tensors(env, info.input_names, info.input_dtypes, info.max_input_bytes, info.input_num));
  object.Set("outputs", tensors(env, info.output_names, info.output_dtypes, info.max_output_bytes, info.output_num));
  Napi::Array stages = Napi::Array::New(env, info.stage_num);
  for (int s = 0; s < info.stage_num; ++s) {
    const abi::Stage& stage = info.stages[s];
    const MemoryId* ids = network.memories[s].data();
    Napi::Object one = Napi::Object::New(env);
    one.Set("inputs", stageTensors(env, stage.input_shapes, stage.input_mems, ids, info.input_num));
    one.Set("outputs", stageTensors(env, stage.output_shapes, stage.output_mems, ids + info.input_num, info.output_num));
    stages.Set(s, one);
  }
  object.Set("stages", stages);
  return object;
}

HostBuffer bufferOf(const Napi::Value& value) {
  napi_typedarray_type type = napi_int8_array;
  HostBuffer buffer{nullptr, 0};
  // Not by way of its ArrayBuffer, which may be a shared one.
  const napi_status status = napi_get_typedarray_info(value.Env(), value, &type, &buffer.bytes, &buffer.data, nullptr, nullptr);
  if (status == napi_ok && type == napi_uint8_array) return buffer;
  throw Fault("usage", "A step takes host buffers as Uint8Array: src/program.ts makes them");
}

const int32_t* flagOf(const Napi::Value& value) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  const napi_status status = napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr);
  if (status == napi_ok && type == napi_int32_array && length > 0) return static_cast<const int32_t*>(data);
  throw Fault("usage", "A step is cancelled through an Int32Array");
}

bool flag(const Napi::Object& object, const char* name) { return object.Get(name).ToBoolean().Value(); }

}  // namespace

Napi::Function RuntimeObject::define(Napi::Env env) {
  return DefineClass(env, "Runtime",
                     {
                         InstanceMethod("networks", &RuntimeObject::networks),
                         InstanceMethod("allocate", &RuntimeObject::allocate),
                         InstanceMethod("free", &RuntimeObject::free),
                         InstanceMethod("step", &RuntimeObject::step),
                         InstanceMethod("close", &RuntimeObject::close),
                     });
}

RuntimeObject::RuntimeObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RuntimeObject>(info) {
  const Napi::Env env = info.Env();
  const auto& device = DeviceObject::Unwrap(info[0].As<Napi::Object>())->device(env);
  const std::string bmodel = info[1].As<Napi::String>();
  const auto rules = info[2].As<Napi::Object>();
  const Unsafe unsafe{flag(rules, "shareMemory"), flag(rules, "allowOverlap"), flag(rules, "noTurnstile")};
  answer(env, [&] { runtime_ = std::make_unique<Runtime>(device, bmodel, unsafe); });
  hook_ = std::make_unique<ReleasedWithThread<RuntimeObject>>(env, this);
}

Runtime& RuntimeObject::runtime(Napi::Env env) const {
  return answer(env, [&]() -> Runtime& {
    if (!runtime_) throw Fault("usage", "This runtime was closed", true);
    return *runtime_;
  });
}

Napi::Value RuntimeObject::networks(const Napi::CallbackInfo& info) {
  const auto& all = runtime(info.Env()).networks();
  Napi::Array list = Napi::Array::New(info.Env(), all.size());
  for (uint32_t i = 0; i < all.size(); ++i) list.Set(i, describe(info.Env(), all[i]));
  return list;
}

Napi::Value RuntimeObject::allocate(const Napi::CallbackInfo& info) {
  const double bytes = info[0].As<Napi::Number>().DoubleValue();
  Runtime& mine = runtime(info.Env());
  return answer(info.Env(), [&] {
    // What is no number of bytes becomes 0, which is refused.
    const MemoryId id = mine.allocate(bytes >= 1 && bytes <= UINT32_MAX ? static_cast<uint64_t>(bytes) : 0);
    return Napi::Number::New(info.Env(), static_cast<double>(id));
  });
}

void RuntimeObject::free(const Napi::CallbackInfo& info) {
  const auto id = static_cast<MemoryId>(info[0].As<Napi::Number>().Int64Value());
  Runtime& mine = runtime(info.Env());
  answer(info.Env(), [&] { mine.free(id); });
}

void RuntimeObject::step(const Napi::CallbackInfo& info) {
  const auto words = info[0].As<Napi::Float64Array>();
  const auto views = info[1].As<Napi::Array>();
  Runtime& mine = runtime(info.Env());
  answer(info.Env(), [&] {
    const int32_t* const cancel = info[2].IsUndefined() ? nullptr : flagOf(info[2]);
    buffers_.clear();
    for (uint32_t i = 0; i < views.Length(); ++i) buffers_.push_back(bufferOf(views[i]));
    step_.read(mine, words.Data(), words.ElementLength(), buffers_);
    step_.run(mine, cancel);
  });
}

void RuntimeObject::close(const Napi::CallbackInfo&) { release(); }

}  // namespace sophon
