// The floating-point mode of the calling thread: rounding, flush-to-zero, denormals-are-zero, traps.
//
// Other libraries change it (one shared library linked with -ffast-math does so for the whole process, torch has
// set_flush_denormal), and then the same formula gives other bits. So kernels run in the IEEE default mode.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace sprat {

enum class Rounding { kNearestEven, kDown, kUp, kTowardZero };

struct FloatMode {
  bool flush_to_zero;       // denormal results become zero
  bool denormals_are_zero;  // denormal inputs count as zero
  bool traps;               // some floating-point exception raises a signal
  Rounding rounding;
  bool is_default() const {
    return !flush_to_zero && !denormals_are_zero && !traps && rounding == Rounding::kNearestEven;
  }
};

FloatMode float_mode();               // of the calling thread
const char* rounding_name(Rounding);  // "nearest even", "down", "up", "toward zero"

// The control register as the machine has it, and the bits in it that are mode (the others are sticky flags).
#if defined(__SSE2__)
inline constexpr uint64_t kFloatControlMask = 0xFFC0, kFloatControlDefault = 0x1F80;  // MXCSR: traps masked
inline uint64_t read_float_control() { return _mm_getcsr(); }
inline void write_float_control(uint64_t value) { _mm_setcsr(static_cast<unsigned>(value)); }
#elif defined(__aarch64__)
inline constexpr uint64_t kFloatControlMask = ~uint64_t{0}, kFloatControlDefault = 0;  // FPCR: flags are in FPSR
inline uint64_t read_float_control() {
  uint64_t value;
  __asm__ __volatile__("mrs %0, fpcr" : "=r"(value));
  return value;
}
inline void write_float_control(uint64_t value) { __asm__ __volatile__("msr fpcr, %0" : : "r"(value) : "memory"); }
#else
inline constexpr uint64_t kFloatControlMask = 0, kFloatControlDefault = 0;
inline uint64_t read_float_control() { return 0; }
inline void write_float_control(uint64_t) {}
#endif

// While it lives the calling thread is in the default mode; afterwards in the one it had. The sticky exception flags
// stay as the work leaves them, as after any arithmetic. Costs one register read when the mode is the default already.
class DefaultFloatMode {
 public:
  DefaultFloatMode() : saved_(read_float_control() & kFloatControlMask) {
    if (saved_ != kFloatControlDefault) replace_mode(kFloatControlDefault);
  }
  ~DefaultFloatMode() {
    if (saved_ != kFloatControlDefault) replace_mode(saved_);
  }
  DefaultFloatMode(const DefaultFloatMode&) = delete;
  DefaultFloatMode& operator=(const DefaultFloatMode&) = delete;

 private:
  static void replace_mode(uint64_t mode) { write_float_control((read_float_control() & ~kFloatControlMask) | mode); }
  uint64_t saved_;
};

}  // namespace sprat
