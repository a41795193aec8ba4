#pragma once

#include <stdexcept>
#include <string>

#include "abi.h"

namespace sophon {

// What src/device-fault.ts calls a DeviceFault; `kind` is one of its words.
struct Fault : std::runtime_error {
  Fault(const char* kind, const std::string& message, bool fatal = false)
      : std::runtime_error(message), kind(kind), fatal(fatal) {}

  const char* kind;
  // Whether the runtime can only be closed now.
  bool fatal;
  // -1: libbmlib gave none.
  abi::Status status = -1;
  // -1: not in a step.
  int operation = -1;
  std::string network;
};

// The meaning of a status of libbmlib, as words of a sentence.
const char* meaning(abi::Status status);

// Throws unless the status is success. `call`: the function that gave it; `what`: what was being done.
void check(abi::Status status, const char* call, const std::string& what);

}  // namespace sophon
