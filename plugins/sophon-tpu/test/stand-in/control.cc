#include "control.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace stand_in {

namespace {

struct State {
  std::mutex mutex;
  std::map<std::string, int> used;
  std::map<std::string, int> breaches;
  std::vector<std::string> launches;
  int counts[3] = {};
  int inUse = 0;
  int mostInUse = 0;

  ~State() {
    const bool leaked = counts[0] || counts[1] || counts[2];
    if (const char* path = std::getenv("STAND_IN_REPORT")) write(path);
    if (!leaked) return;
    std::fprintf(stderr, "stand-in: %d handles, %d runtimes, %d allocations are left\n", counts[0], counts[1], counts[2]);
    // As the simulator ends when memory of the device is left.
    _exit(255);
  }

  void write(const char* path) const {
    std::ofstream out(path);
    out << "{\"handles\":" << counts[0] << ",\"runtimes\":" << counts[1] << ",\"allocations\":" << counts[2]
        << ",\"mostInUse\":" << mostInUse << ",\"breaches\":{";
    const char* comma = "";
    for (const auto& [name, times] : breaches) {
      out << comma << '"' << name << "\":" << times;
      comma = ",";
    }
    out << "},\"launches\":[";
    comma = "";
    for (const std::string& launch : launches) {
      out << comma << '"' << launch << '"';
      comma = ",";
    }
    out << "]}\n";
  }
};

// Destroyed at the end of the process, after Node has ended its threads.
State state;

bool concerns(const std::string& pattern, const std::string& function, const std::string& network) {
  return pattern == function || pattern == function + "@" + network;
}

std::vector<std::string> orders() {
  std::vector<std::string> lines;
  const char* path = std::getenv("STAND_IN_CONTROL");
  if (!path) return lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

int allocations() {
  const std::lock_guard<std::mutex> lock(state.mutex);
  return state.counts[static_cast<int>(Count::kAllocations)];
}

bool held(const std::string& function, const std::string& network) {
  for (const std::string& line : orders()) {
    std::istringstream words(line);
    std::string verb, pattern;
    if (words >> verb >> pattern && verb == "hold" && concerns(pattern, function, network)) return true;
  }
  return false;
}

}  // namespace

Orders obey(const std::string& function, const std::string& network) {
  if (held(function, network)) std::ofstream(std::string(std::getenv("STAND_IN_CONTROL")) + ".held", std::ios::app) << function << '\n';
  while (held(function, network)) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  for (const std::string& line : orders()) {
    std::istringstream words(line);
    std::string verb, pattern, value;
    words >> verb;
    if (verb == "lost") return {2};
    words >> pattern >> value;
    if (verb == "limit" && function == "bm_malloc_device_byte" && allocations() >= std::atoi(pattern.c_str())) return {5};
    if (!concerns(pattern, function, network)) continue;
    if (verb == "slow") std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(value.c_str())));
    if (verb != "fail") continue;
    int times = -1;
    words >> times;
    if (!words) times = -1;
    {
      const std::lock_guard<std::mutex> lock(state.mutex);
      if (times >= 0 && state.used[line]++ >= times) continue;
    }
    if (value == "throw") throw std::runtime_error("BMRuntime internal error.");
    return {value == "false" ? 2 : std::atoi(value.c_str())};
  }
  return {};
}

void count(Count what, int difference) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.counts[static_cast<int>(what)] += difference;
}

void breach(const std::string& name) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  ++state.breaches[name];
}

void noteLaunch(int runtime, const std::string& network) {
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.launches.push_back(std::to_string(runtime) + ":" + network);
}

InUse::InUse() {
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (++state.inUse > state.mostInUse) state.mostInUse = state.inUse;
}

InUse::~InUse() {
  const std::lock_guard<std::mutex> lock(state.mutex);
  --state.inUse;
}

}  // namespace stand_in
