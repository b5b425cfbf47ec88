#if !defined(SPRAT_EMULATED_THREADS)
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "emulation/fiber.h"
#include "emulation/grid.h"
#include "emulation/order.h"

namespace sprat::emulation {

Place place;

namespace {

// Threads of a block begin one after the other on one fiber. Only one that has to wait keeps its fiber, and the next
// thread begins on another: a kernel without barriers switches once a block.
class Block {
 public:
  static Block& instance() {
    static Block block;
    return block;
  }

  void begin_grid(dim3 size, void (*kernel)(const void*), const void* arguments) {
    size_ = size;
    count_ = size.x * size.y * size.z;
    kernel_ = kernel;
    arguments_ = arguments;
  }

  void run(Order& order) {
    order.arrange(order_, count_);
    started_ = running_ = 0;
    for (unsigned t = 0; t < count_; ++t) states_[t] = kNew;
    running_ = count_;
    while (started_ < count_) idle_fiber().resume();
    while (running_ > 0) {
      if (!release()) stuck();
      order.arrange(order_, count_);
      for (const unsigned t : order_) {
        if (states_[t] != kReady) continue;
        enter(t);
        fiber_of_[t]->resume();
      }
    }
  }

  void wait_for_block() { wait(kAtBlock, 0); }
  void wait_for_warp(unsigned mask) { wait(kAtWarp, mask); }
  unsigned long long slots[kMostThreads];

 private:
  enum State : unsigned char { kNew, kReady, kAtBlock, kAtWarp, kDone };
  struct Runner {
    Fiber fiber;
    bool idle = true;
  };

  Fiber& idle_fiber() {
    for (; first_idle_ < runners_.size(); ++first_idle_) {
      if (runners_[first_idle_]->idle) return runners_[first_idle_]->fiber;
    }
    runners_.push_back(std::make_unique<Runner>());
    Runner& runner = *runners_.back();
    runner.fiber.create([](void* self) { instance().work(*static_cast<Runner*>(self)); }, &runner);
    return runner.fiber;
  }

  // The life of a fiber: threads that have not begun, then sleep until a later block needs it.
  [[noreturn]] void work(Runner& runner) {
    for (;;) {
      runner.idle = false;
      while (started_ < count_) {
        const unsigned t = order_[started_++];
        enter(t);
        states_[t] = kReady;
        fiber_of_[t] = &runner.fiber;
        kernel_(arguments_);
        states_[place.flat_thread] = kDone;
        --running_;
      }
      runner.idle = true;
      first_idle_ = 0;
      runner.fiber.suspend();
    }
  }

  void enter(unsigned t) {
    place.flat_thread = t;
    place.thread = dim3(t % size_.x, t / size_.x % size_.y, t / size_.x / size_.y);
  }

  void wait(State state, unsigned mask) {
    const unsigned t = place.flat_thread;
    states_[t] = state;
    masks_[t] = mask;
    fiber_of_[t]->suspend();
  }

  // Lets those go on whose barrier is complete.
  bool release() {
    unsigned at_block = 0, released = 0;
    for (unsigned t = 0; t < count_; ++t) at_block += states_[t] == kAtBlock;
    if (at_block == running_) {
      for (unsigned t = 0; t < count_; ++t) {
        if (states_[t] == kAtBlock) states_[t] = kReady;
      }
      return true;
    }
    for (unsigned first = 0; first < count_; first += kWarp) released += release_warp(first);
    return released > 0;
  }

  unsigned release_warp(unsigned first) {
    const unsigned lanes = count_ - first < kWarp ? count_ - first : kWarp;
    bool complete[kWarp];
    for (unsigned lane = 0; lane < lanes; ++lane) {
      complete[lane] = states_[first + lane] == kAtWarp;
      for (unsigned other = 0; other < lanes && complete[lane]; ++other) {
        const unsigned t = first + other;
        const bool wanted = masks_[first + lane] >> other & 1;
        complete[lane] = !wanted || states_[t] == kDone || (states_[t] == kAtWarp && masks_[t] == masks_[first + lane]);
      }
    }
    unsigned released = 0;
    for (unsigned lane = 0; lane < lanes; ++lane) {
      if (!complete[lane]) continue;
      states_[first + lane] = kReady;
      ++released;
    }
    return released;
  }

  [[noreturn]] static void stuck() {
    std::fputs("CUDA emulation: the threads of a block wait at different barriers\n", stderr);
    std::abort();
  }

  dim3 size_;
  unsigned count_ = 0, started_ = 0, running_ = 0;
  void (*kernel_)(const void*) = nullptr;
  const void* arguments_ = nullptr;
  std::vector<unsigned> order_;
  std::vector<std::unique_ptr<Runner>> runners_;
  size_t first_idle_ = 0;
  State states_[kMostThreads];
  unsigned masks_[kMostThreads];
  Fiber* fiber_of_[kMostThreads];
};

std::mutex one_launch;

}  // namespace

void run_grid(dim3 grid, dim3 block, void (*kernel)(const void*), const void* arguments) {
  const std::lock_guard lock(one_launch);
  Order order = Order::from_environment();
  place.block_size = block;
  place.grid_size = grid;
  Block::instance().begin_grid(block, kernel, arguments);
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  for (uint64_t turn = 0; turn < blocks; ++turn) {
    const uint64_t b = order.pick(turn, blocks);
    place.block = dim3(unsigned(b % grid.x), unsigned(b / grid.x % grid.y), unsigned(b / grid.x / grid.y));
    Block::instance().run(order);
  }
}

void sync_block() { Block::instance().wait_for_block(); }
void sync_warp(unsigned mask) { Block::instance().wait_for_warp(mask); }

unsigned long long exchange(unsigned mask, unsigned long long value, unsigned lane) {
  Block& block = Block::instance();
  const unsigned t = place.flat_thread;
  block.slots[t] = value;
  sync_warp(mask);
  const unsigned long long found = block.slots[t / kWarp * kWarp + lane % kWarp];
  sync_warp(mask);
  return found;
}

unsigned ballot(unsigned mask, bool value) {
  Block& block = Block::instance();
  const unsigned t = place.flat_thread;
  block.slots[t] = value;
  sync_warp(mask);
  unsigned bits = 0;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if (mask >> lane & 1) bits |= unsigned(block.slots[t / kWarp * kWarp + lane]) << lane;
  }
  sync_warp(mask);
  return bits;
}

}  // namespace sprat::emulation
#endif
