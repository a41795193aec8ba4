#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace sophon {

// A mutex that lets through in the order of arrival, so that no instance waits while others go twice.
class Turnstile {
 public:
  void lock() {
    std::unique_lock<std::mutex> guard(mutex_);
    const uint64_t ticket = next_++;
    called_.wait(guard, [&] { return serving_ == ticket; });
  }

  void unlock() {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      ++serving_;
    }
    called_.notify_all();
  }

  // How many wait now.
  uint64_t waiting() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return next_ > serving_ ? next_ - serving_ - 1 : 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable called_;
  uint64_t next_ = 0;
  uint64_t serving_ = 0;
};

}  // namespace sophon
