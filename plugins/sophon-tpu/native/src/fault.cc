#include "fault.h"

namespace sophon {

const char* meaning(abi::Status status) {
  switch (status) {
    case 0: return "success";
    case 1: return "the device is not ready";
    case 2: return "failure";
    case 3: return "timeout";
    case 4: return "wrong parameter";
    case 5: return "no device memory left";
    case 6: return "wrong data";
    case 7: return "the device is busy";
    case 8: return "not implemented";
    case 9: return "not supported";
    default: return "a status that is in no list";
  }
}

namespace {

Fault describe(abi::Status status, const std::string& said) {
  if (status == abi::kNoMemory) {
    return Fault("memory", said + ". Run fewer instances or a smaller model, or give the TPU a larger heap");
  }
  if (status == abi::kTimeout) {
    return Fault("timeout", said + ". The instance has to be opened again; bm-smi shows whether the chip still answers", true);
  }
  return Fault("device", said + ". The instance has to be opened again; dmesg and bm-smi show what the driver thinks", true);
}

}  // namespace

void check(abi::Status status, const char* call, const std::string& what) {
  if (status == abi::kSuccess) return;
  Fault fault = describe(status, what + " failed: " + call + " returned status " + std::to_string(status) + ", " + meaning(status));
  fault.status = status;
  throw fault;
}

}  // namespace sophon
