// A value computed at first use and never changed afterwards.
#pragma once

#include <atomic>

namespace sprat {

// Like a function-local static, but without a lock: a fork in the middle of the computation would leave the lock taken
// in the child for ever. Threads that arrive together each compute the value, and one result wins, so `make` must be
// a pure look at the machine. The value is never freed: it serves until the process ends.
template <class T>
class PublishOnce {
 public:
  constexpr PublishOnce() = default;

  template <class Make>
  const T& get(Make&& make) {
    const T* value = value_.load(std::memory_order_acquire);
    if (value != nullptr) return *value;
    const T* mine = new T(make());
    if (value_.compare_exchange_strong(value, mine, std::memory_order_acq_rel)) return *mine;
    delete mine;
    return *value;
  }

 private:
  std::atomic<const T*> value_{nullptr};
};

}  // namespace sprat
