// The threads of a block as threads of the operating system: slow, and for ThreadSanitizer, which follows every access
// to memory between two barriers.
#if defined(SPRAT_EMULATED_THREADS)
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "emulation/grid.h"
#include "emulation/order.h"

namespace sprat::emulation {

thread_local Place place;

namespace {

// A barrier that members may leave for good.
class Barrier {
 public:
  void reset(unsigned members) {
    members_ = members;
    waiting_ = 0;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    const unsigned generation = generation_;
    if (++waiting_ == members_) return open();
    opened_.wait(lock, [&] { return generation != generation_; });
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    --members_;
    if (waiting_ > 0 && waiting_ == members_) open();
  }

 private:
  void open() {
    waiting_ = 0;
    ++generation_;
    opened_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable opened_;
  unsigned members_ = 0, waiting_ = 0, generation_ = 0;
};

struct Block {
  Barrier all;      // of the threads that still run
  Barrier between;  // blocks: nobody leaves it
  Barrier warps[kMostThreads / kWarp];
  unsigned long long slots[kMostThreads];
};
Block block_state;
std::mutex one_launch;

}  // namespace

void run_grid(dim3 grid, dim3 block, void (*kernel)(const void*), const void* arguments) {
  const std::lock_guard lock(one_launch);
  const Order order = Order::from_environment();
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  const unsigned count = block.x * block.y * block.z;
  block_state.between.reset(count);
  const auto life = [&](unsigned t) {
    place.block_size = block;
    place.grid_size = grid;
    place.flat_thread = t;
    place.thread = dim3(t % block.x, t / block.x % block.y, t / block.x / block.y);
    for (uint64_t turn = 0; turn < blocks; ++turn) {
      const uint64_t b = order.pick(turn, blocks);
      place.block = dim3(unsigned(b % grid.x), unsigned(b / grid.x % grid.y), unsigned(b / grid.x / grid.y));
      if (t == 0) {
        block_state.all.reset(count);
        for (unsigned first = 0; first < count; first += kWarp) {
          block_state.warps[first / kWarp].reset(count - first < kWarp ? count - first : kWarp);
        }
      }
      block_state.between.wait();
      kernel(arguments);
      block_state.all.leave();
      block_state.warps[t / kWarp].leave();
      block_state.between.wait();
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < count; ++t) threads.emplace_back(life, t);
  for (std::thread& thread : threads) thread.join();
}

void sync_block() { block_state.all.wait(); }
void sync_warp(unsigned) { block_state.warps[place.flat_thread / kWarp].wait(); }

unsigned long long exchange(unsigned mask, unsigned long long value, unsigned lane) {
  const unsigned t = place.flat_thread;
  block_state.slots[t] = value;
  sync_warp(mask);
  const unsigned long long found = block_state.slots[t / kWarp * kWarp + lane % kWarp];
  sync_warp(mask);
  return found;
}

unsigned ballot(unsigned mask, bool value) {
  const unsigned t = place.flat_thread;
  block_state.slots[t] = value;
  sync_warp(mask);
  unsigned bits = 0;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if (mask >> lane & 1) bits |= unsigned(block_state.slots[t / kWarp * kWarp + lane]) << lane;
  }
  sync_warp(mask);
  return bits;
}

}  // namespace sprat::emulation
#endif
