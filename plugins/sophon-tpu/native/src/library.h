#pragma once

#include <string>
#include <vector>

#include "abi.h"
#include "fault.h"

namespace sophon {

// A function of the vendor's. Calling it turns whatever it throws into a Fault: libbmrt throws on what it calls FATAL.
template <class Signature>
class Entry;

template <class Result, class... Arguments>
class Entry<Result(Arguments...)> {
 public:
  explicit Entry(const char* name) : name_(name) {}

  const char* name() const { return name_; }
  explicit operator bool() const { return address_ != nullptr; }
  void resolve(void* address) { address_ = reinterpret_cast<Result (*)(Arguments...)>(address); }

  Result operator()(Arguments... arguments) const {
    try {
      return address_(arguments...);
    } catch (const std::exception& thrown) {
      throw failed(thrown.what());
    } catch (...) {
      throw failed("no std::exception");
    }
  }

 private:
  Fault failed(const std::string& what) const {
    return Fault("exception", std::string(name_) + " threw (" + what +
                                  "). The instance has to be opened again; what the library printed is on stderr", true);
  }

  const char* name_;
  Result (*address_)(Arguments...) = nullptr;
};

// libbmlib and libbmrt, found at run time. Once per process, and never given back.
struct Library {
#define SOPHON_ENTRY(name, ...) \
  Entry<__VA_ARGS__> name { #name }

  SOPHON_ENTRY(bm_dev_getcount, abi::Status(int*));
  SOPHON_ENTRY(bm_dev_request, abi::Status(abi::Handle*, int));
  SOPHON_ENTRY(bm_dev_free, void(abi::Handle));
  SOPHON_ENTRY(bm_get_chipid, abi::Status(abi::Handle, unsigned*));
  SOPHON_ENTRY(bm_thread_sync, abi::Status(abi::Handle));
  SOPHON_ENTRY(bm_malloc_device_byte, abi::Status(abi::Handle, abi::DeviceMem*, unsigned));
  SOPHON_ENTRY(bm_free_device, void(abi::Handle, abi::DeviceMem));
  SOPHON_ENTRY(bm_memcpy_s2d_partial_offset, abi::Status(abi::Handle, abi::DeviceMem, void*, unsigned, unsigned));
  SOPHON_ENTRY(bm_memcpy_d2s_partial_offset, abi::Status(abi::Handle, void*, abi::DeviceMem, unsigned, unsigned));
  SOPHON_ENTRY(bm_memcpy_d2d_byte, abi::Status(abi::Handle, abi::DeviceMem, size_t, abi::DeviceMem, size_t, size_t));
  SOPHON_ENTRY(bm_memset_device_ext, abi::Status(abi::Handle, void*, int, abi::DeviceMem));

  SOPHON_ENTRY(bmrt_create, abi::Runtime(abi::Handle));
  SOPHON_ENTRY(bmrt_destroy, void(abi::Runtime));
  SOPHON_ENTRY(bmrt_load_bmodel, bool(abi::Runtime, const char*));
  SOPHON_ENTRY(bmrt_get_network_number, int(abi::Runtime));
  SOPHON_ENTRY(bmrt_get_network_names, void(abi::Runtime, const char***));
  SOPHON_ENTRY(bmrt_get_network_info, const abi::NetInfo*(abi::Runtime, const char*));
  SOPHON_ENTRY(bmrt_launch_tensor_ex,
               bool(abi::Runtime, const char*, const abi::Tensor*, int, abi::Tensor*, int, bool, bool));

  // Not in every version, and not needed to serve.
  SOPHON_ENTRY(bm_set_sync_timeout, abi::Status(abi::Handle, int));
  SOPHON_ENTRY(bm_get_stat, abi::Status(abi::Handle, abi::DeviceStat*));
  SOPHON_ENTRY(bm_get_chip_temp, abi::Status(abi::Handle, unsigned*));
  SOPHON_ENTRY(bm_get_board_temp, abi::Status(abi::Handle, unsigned*));
  SOPHON_ENTRY(bm_get_tpu_power, abi::Status(abi::Handle, float*));
  SOPHON_ENTRY(bmrt_set_flags, void(abi::Runtime, uint32_t));

#undef SOPHON_ENTRY
};

// Loads the libraries from the first folder that has them ('' is the loader's own search) and returns that folder. A later
// call with another folder is a fault: a process has one copy.
std::string loadLibraries(const std::vector<std::string>& folders);

// The loaded libraries; a fault before loadLibraries.
const Library& library();

}  // namespace sophon
