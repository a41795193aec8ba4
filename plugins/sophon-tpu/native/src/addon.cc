#include "objects.h"

namespace sophon {

namespace {

Napi::Value load(const Napi::CallbackInfo& info) {
  const auto list = info[0].As<Napi::Array>();
  std::vector<std::string> folders;
  for (uint32_t i = 0; i < list.Length(); ++i) folders.push_back(list.Get(i).As<Napi::String>());
  return answer(info.Env(), [&] { return Napi::String::New(info.Env(), loadLibraries(folders)); });
}

// Runs once for every thread that loads the addon; what belongs to the process is static in library.cc and device.cc.
Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("loadLibraries", Napi::Function::New(env, load));
  exports.Set("Device", DeviceObject::define(env));
  exports.Set("Runtime", RuntimeObject::define(env));
  return exports;
}

NODE_API_MODULE(sophon, init)

}  // namespace

}  // namespace sophon
