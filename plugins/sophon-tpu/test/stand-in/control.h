// A stand-in for libbmlib and libbmrt that fails when a test says so. It computes nothing: see README.md.
#pragma once

#include <cstdint>
#include <string>

namespace stand_in {

// Reads the file that STAND_IN_CONTROL names, at every call, so that a test can break and mend a device that is in use:
//   fail FUNCTION STATUS [TIMES]   returns that status, or `false`, or `throw`s std::runtime_error
//   slow FUNCTION MILLISECONDS     takes so long
//   hold FUNCTION                  returns when the line is gone; a file with `.held` at its end has a line for each
//   limit ALLOCATIONS              further ones find no memory
//   lost                           every function of the device fails
// FUNCTION may be FUNCTION@NETWORK. A line counts its TIMES from when it appears; the same line again needs another ending.
struct Orders {
  // 0: nothing is ordered.
  int status = 0;
};

// Waits and throws as ordered, and says how the call is to end.
Orders obey(const std::string& function, const std::string& network = "");

// What the report counts, which is written to the file that STAND_IN_REPORT names when the process ends.
enum class Count { kHandles, kRuntimes, kAllocations };
void count(Count what, int difference);

// A breach of the contract: it is counted in the report by its name.
void breach(const std::string& name);

// Notes a launch: which runtime, which network.
void noteLaunch(int runtime, const std::string& network);

// While it lives, the device is in use; the report says how many were at once at most.
struct InUse {
  InUse();
  ~InUse();
};

}  // namespace stand_in
