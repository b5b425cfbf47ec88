// Memory for the duration of a call: a stack per thread that keeps what it has grown to, so that calls in the steady
// state do not allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "core/align.h"
#include "core/round_up.h"

namespace sprat {

// The stack of one thread. What does not fit in its block is taken beside it, and the block grows to the total when the
// last frame closes.
class ScratchStack {
 public:
  ScratchStack() = default;
  ScratchStack(const ScratchStack&) = delete;
  ScratchStack& operator=(const ScratchStack&) = delete;
  ~ScratchStack() { free_extra(); }

 private:
  friend class Scratch;
  struct alignas(kAlignment) Extra {
    Extra* next;
  };

  void* take(int64_t bytes) {
    bytes = round_up(bytes, kAlignment);
    if (bytes <= block_.size() - used_) {
      void* memory = block_.data() + used_;
      used_ += bytes;
      return memory;
    }
    const size_t total = sizeof(Extra) + static_cast<size_t>(bytes);
    void* memory = std::aligned_alloc(static_cast<size_t>(kAlignment), total);
    if (!memory) return nullptr;
    extra_ = new (memory) Extra{extra_};
    extra_bytes_ += bytes;
    return extra_ + 1;
  }

  void close_last_frame() {
    if (!extra_) return;
    const int64_t wanted = block_.size() + extra_bytes_;
    free_extra();
    if (!block_.allocate(wanted)) return;  // then the next call tries again
  }

  void free_extra() {
    while (extra_) {
      Extra* next = extra_->next;
      std::free(extra_);
      extra_ = next;
    }
    extra_bytes_ = 0;
  }

  AlignedBuffer<std::byte> block_;
  int64_t used_ = 0, depth_ = 0, extra_bytes_ = 0;
  Extra* extra_ = nullptr;
};

// A frame: what is taken through it lives until it closes. Frames nest, each on the thread that opened it.
class Scratch {
 public:
  Scratch() : stack_(of_this_thread()), mark_(stack_.used_) { ++stack_.depth_; }
  ~Scratch() {
    stack_.used_ = mark_;
    if (--stack_.depth_ == 0) stack_.close_last_frame();
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // 64-byte aligned and not initialised; nullptr when there is no memory.
  void* bytes(int64_t count) { return stack_.take(count > 0 ? count : 1); }
  template <class T>
  T* array(int64_t count) {
    return static_cast<T*>(bytes(count * static_cast<int64_t>(sizeof(T))));
  }

 private:
  static ScratchStack& of_this_thread() {
    thread_local ScratchStack stack;
    return stack;
  }

  ScratchStack& stack_;
  int64_t mark_;
};

}  // namespace sprat
