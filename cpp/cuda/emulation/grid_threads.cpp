// The threads of a block as threads of the operating system: slow, and for ThreadSanitizer, which follows every access
// to memory between two barriers.
#if defined(SPRAT_EMULATED_THREADS)
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

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

// Threads that live as long as the process: under ThreadSanitizer a new one takes milliseconds.
class Crew {
 public:
  // work(t) on threads 0 ... count - 1.
  void run(unsigned count, const std::function<void(unsigned)>& work) {
    std::unique_lock lock(mutex_);
    work_ = &work;
    count_ = running_ = count;
    ++turn_;
    while (size_ < count) std::thread(&Crew::live, this, size_++, turn_ - 1).detach();
    changed_.notify_all();
    done_.wait(lock, [&] { return running_ == 0; });
  }

 private:
  void live(unsigned t, unsigned seen) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return turn_ != seen; });
      seen = turn_;
      if (t >= count_) continue;
      lock.unlock();
      (*work_)(t);
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_, done_;
  const std::function<void(unsigned)>* work_ = nullptr;
  unsigned size_ = 0, count_ = 0, running_ = 0, turn_ = 0;
};
Crew& crew = *new Crew;  // its threads never end

}  // namespace

void run_grid(dim3 grid, dim3 block, void (*kernel)(const void*), const void* arguments) {
  const std::lock_guard lock(one_launch);
  const Order order = Order::from_environment();
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  const unsigned count = block.x * block.y * block.z;
  block_state.between.reset(count);
  crew.run(count, [&](unsigned t) {
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
  });
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
