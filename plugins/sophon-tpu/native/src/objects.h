#pragma once

#include <napi.h>

#include <memory>

#include "step.h"

namespace sophon {

// The error that JavaScript sees: src/device-fault.ts reads its fields.
Napi::Error errorOf(Napi::Env env, const Fault& fault);

// Runs native code for JavaScript; its faults become errors.
template <class Call>
auto answer(Napi::Env env, Call&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const Fault& fault) {
    throw errorOf(env, fault);
  }
}

// Calls `release` of an object when its thread ends, which may be by worker.terminate() and then without a garbage collection.
template <class Object>
class ReleasedWithThread {
 public:
  ReleasedWithThread(napi_env env, Object* object) : env_(env), object_(object) { napi_add_env_cleanup_hook(env, run, this); }
  ~ReleasedWithThread() {
    if (!over_) napi_remove_env_cleanup_hook(env_, run, this);
  }
  ReleasedWithThread(const ReleasedWithThread&) = delete;
  ReleasedWithThread& operator=(const ReleasedWithThread&) = delete;

 private:
  static void run(void* self) {
    auto* const hook = static_cast<ReleasedWithThread*>(self);
    hook->over_ = true;
    hook->object_->release();
  }

  napi_env env_;
  Object* object_;
  bool over_ = false;
};

class DeviceObject : public Napi::ObjectWrap<DeviceObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit DeviceObject(const Napi::CallbackInfo& info);

  // Throws when it was closed.
  const std::shared_ptr<Device>& device(Napi::Env env) const;
  void release() noexcept { device_.reset(); }

 private:
  Napi::Value chip(const Napi::CallbackInfo& info);
  Napi::Value stat(const Napi::CallbackInfo& info);
  Napi::Value lost(const Napi::CallbackInfo& info);
  Napi::Value waiting(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::shared_ptr<Device> device_;
  std::unique_ptr<ReleasedWithThread<DeviceObject>> hook_;
};

class RuntimeObject : public Napi::ObjectWrap<RuntimeObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit RuntimeObject(const Napi::CallbackInfo& info);

  void release() noexcept { runtime_.reset(); }

 private:
  Napi::Value networks(const Napi::CallbackInfo& info);
  Napi::Value allocate(const Napi::CallbackInfo& info);
  void free(const Napi::CallbackInfo& info);
  void step(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  Runtime& runtime(Napi::Env env) const;

  std::unique_ptr<Runtime> runtime_;
  Step step_;
  std::vector<HostBuffer> buffers_;
  std::unique_ptr<ReleasedWithThread<RuntimeObject>> hook_;
};

}  // namespace sophon
