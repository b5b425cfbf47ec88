#include "emulation/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace sprat::emulation {
namespace {

constexpr size_t kStack = 128 << 10, kGuard = 4096;

// Memory that is only taken from the system where it is touched, behind a page that catches an overflow.
char* new_stack() {
  void* memory =
      mmap(nullptr, kStack + kGuard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuard, PROT_NONE) != 0) {
    std::fputs("CUDA emulation: no memory for the stack of a thread\n", stderr);
    std::abort();
  }
  return static_cast<char*>(memory) + kGuard;
}

}  // namespace

#if defined(__x86_64__)

// void sprat_switch_stack(void** save, void* load): what the callee must keep goes on the old stack.
asm(R"(
.text
.local sprat_switch_stack
.type sprat_switch_stack, @function
sprat_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size sprat_switch_stack, . - sprat_switch_stack
.local sprat_enter_fiber
.type sprat_enter_fiber, @function
sprat_enter_fiber:
  movq %r12, %rdi
  call *%rbx
  ud2
.size sprat_enter_fiber, . - sprat_enter_fiber
)");
extern "C" void sprat_switch_stack(void** save, void* load);
extern "C" void sprat_enter_fiber();

void Fiber::create(void (*body)(void*), void* argument) {
  // As sprat_switch_stack leaves a stack: r15, r14, r13, r12, rbx, rbp, where to return to; above it 16-byte aligned.
  auto** top = reinterpret_cast<void**>(new_stack() + kStack) - 9;
  top[0] = top[1] = top[2] = top[5] = nullptr;
  top[3] = argument;
  top[4] = reinterpret_cast<void*>(body);
  top[6] = reinterpret_cast<void*>(sprat_enter_fiber);
  own_ = top;
}
void Fiber::resume() { sprat_switch_stack(&scheduler_, own_); }
void Fiber::suspend() { sprat_switch_stack(&own_, scheduler_); }

#else

namespace {
void enter(unsigned body_high, unsigned body_low, unsigned argument_high, unsigned argument_low) {
  const auto join = [](unsigned high, unsigned low) { return static_cast<uintptr_t>(uint64_t{high} << 32 | low); };
  reinterpret_cast<void (*)(void*)>(join(body_high, body_low))(
      reinterpret_cast<void*>(join(argument_high, argument_low)));
}
}  // namespace

void Fiber::create(void (*body)(void*), void* argument) {
  getcontext(&own_);
  own_.uc_stack.ss_sp = new_stack();
  own_.uc_stack.ss_size = kStack;
  own_.uc_link = nullptr;
  const auto at = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(body));
  const auto with = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(argument));
  makecontext(&own_, reinterpret_cast<void (*)()>(enter), 4, static_cast<unsigned>(at >> 32), static_cast<unsigned>(at),
              static_cast<unsigned>(with >> 32), static_cast<unsigned>(with));
}
void Fiber::resume() { swapcontext(&scheduler_, &own_); }
void Fiber::suspend() { swapcontext(&own_, &scheduler_); }

#endif

}  // namespace sprat::emulation
