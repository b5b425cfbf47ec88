// Memory for the duration of a call: a stack per thread that keeps what it has grown to, so that calls in the steady
// state do not allocate.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/align.h"
#include "core/round_up.h"

namespace sprat {

// The stack of one thread: blocks of memory, of which the first holds all once calls repeat. What does not fit goes to
// the next block, at least as large as all before it; when the last frame closes, one block takes the place of all.
class ScratchStack {
 public:
  ScratchStack() = default;
  ScratchStack(const ScratchStack&) = delete;
  ScratchStack& operator=(const ScratchStack&) = delete;

 private:
  friend class Scratch;
  static constexpr int kMostBlocks = 32;  // sizes double

  // Where the free memory begins: blocks behind `block` are free.
  struct Top {
    int block = 0;
    int64_t used = 0;
  };

  void* take(int64_t bytes) {
    bytes = round_up(bytes, kAlignment);
    if (bytes > blocks_[top_.block].size() - top_.used && !next_block(bytes)) return nullptr;
    void* memory = blocks_[top_.block].data() + top_.used;
    top_.used += bytes;
    return memory;
  }

  bool next_block(int64_t bytes) {
    if (top_.block + 1 == kMostBlocks) return false;
    int64_t before = 0;
    for (int b = 0; b <= top_.block; ++b) before += blocks_[b].size();
    AlignedBuffer<std::byte>& next = blocks_[top_.block + 1];
    if (!next.reserve(bytes > before ? bytes : before) && !next.allocate(bytes)) return false;
    top_ = {top_.block + 1, 0};
    return true;
  }

  void close_last_frame() {
    if (blocks_[1].empty()) return;
    int64_t all = 0;
    for (AlignedBuffer<std::byte>& block : blocks_) {
      all += block.size();
      block = AlignedBuffer<std::byte>();
    }
    static_cast<void>(blocks_[0].allocate(all));  // without memory the next call tries again
  }

  AlignedBuffer<std::byte> blocks_[kMostBlocks];
  Top top_;
  int64_t depth_ = 0;
};

// A frame: what is taken through it lives until it closes. Frames nest, each on the thread that opened it.
class Scratch {
 public:
  Scratch() : stack_(of_this_thread()), mark_(stack_.top_) { ++stack_.depth_; }
  ~Scratch() {
    stack_.top_ = mark_;
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
  ScratchStack::Top mark_;
};

}  // namespace sprat
