// A stack of its own, on which a function runs until it hands control back. x86-64: six registers and the stack pointer
// change places; elsewhere ucontext, whose switch costs two system calls.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace sprat::emulation {

class Fiber {
 public:
  // body(argument) must never return.
  void create(void (*body)(void*), void* argument);
  void resume();   // from the scheduler
  void suspend();  // from the fiber

 private:
#if defined(__x86_64__)
  void* own_ = nullptr;
  void* scheduler_ = nullptr;
#else
  ucontext_t own_, scheduler_;
#endif
};

}  // namespace sprat::emulation
