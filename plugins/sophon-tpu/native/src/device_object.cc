#include "objects.h"

namespace sophon {

Napi::Error errorOf(Napi::Env env, const Fault& fault) {
  Napi::Error error = Napi::Error::New(env, fault.what());
  error.Set("fault", Napi::String::New(env, fault.kind));
  error.Set("fatal", Napi::Boolean::New(env, fault.fatal));
  if (fault.status >= 0) error.Set("status", Napi::Number::New(env, fault.status));
  if (fault.operation >= 0) error.Set("operation", Napi::Number::New(env, fault.operation));
  if (!fault.network.empty()) error.Set("network", Napi::String::New(env, fault.network));
  return error;
}

Napi::Function DeviceObject::define(Napi::Env env) {
  return DefineClass(env, "Device",
                     {
                         InstanceMethod("chip", &DeviceObject::chip),
                         InstanceMethod("stat", &DeviceObject::stat),
                         InstanceMethod("lost", &DeviceObject::lost),
                         InstanceMethod("waiting", &DeviceObject::waiting),
                         InstanceMethod("close", &DeviceObject::close),
                     });
}

DeviceObject::DeviceObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DeviceObject>(info) {
  const int id = info[0].As<Napi::Number>().Int32Value();
  const int syncTimeoutMs = info[1].As<Napi::Number>().Int32Value();
  answer(info.Env(), [&] { device_ = Device::open(id, syncTimeoutMs); });
  hook_ = std::make_unique<ReleasedWithThread<DeviceObject>>(info.Env(), this);
}

const std::shared_ptr<Device>& DeviceObject::device(Napi::Env env) const {
  return answer(env, [&]() -> const std::shared_ptr<Device>& {
    if (!device_) throw Fault("usage", "This device was closed");
    return device_;
  });
}

Napi::Value DeviceObject::chip(const Napi::CallbackInfo& info) {
  return answer(info.Env(), [&] { return Napi::Number::New(info.Env(), device(info.Env())->chip()); });
}

Napi::Value DeviceObject::stat(const Napi::CallbackInfo& info) {
  const Readings readings = answer(info.Env(), [&] { return device(info.Env())->read(); });
  Napi::Object stat = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, const auto& reading) {
    if (reading) stat.Set(name, Napi::Number::New(info.Env(), *reading));
  };
  set("memoryTotalMB", readings.memoryTotalMB);
  set("memoryUsedMB", readings.memoryUsedMB);
  set("utilizationPercent", readings.utilizationPercent);
  set("chipCelsius", readings.chipCelsius);
  set("boardCelsius", readings.boardCelsius);
  set("tpuWatts", readings.tpuWatts);
  return stat;
}

Napi::Value DeviceObject::lost(const Napi::CallbackInfo& info) {
  const std::string why = device(info.Env())->lost();
  return why.empty() ? info.Env().Undefined() : Napi::String::New(info.Env(), why);
}

Napi::Value DeviceObject::waiting(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(device(info.Env())->turnstile().waiting()));
}

void DeviceObject::close(const Napi::CallbackInfo&) { release(); }

}  // namespace sophon
