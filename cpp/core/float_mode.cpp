#include "core/float_mode.h"

namespace sprat {

FloatMode float_mode() {
  [[maybe_unused]] const uint64_t control = read_float_control();
#if defined(__SSE2__)
  // MXCSR: DAZ bit 6, exception masks bits 7-12, rounding bits 13-14, FTZ bit 15 (Intel SDM volume 1, 10.2.3).
  constexpr Rounding kRounding[4] = {Rounding::kNearestEven, Rounding::kDown, Rounding::kUp, Rounding::kTowardZero};
  return {.flush_to_zero = (control >> 15 & 1) != 0,
          .denormals_are_zero = (control >> 6 & 1) != 0,
          .traps = (control & 0x1F80) != 0x1F80,
          .rounding = kRounding[control >> 13 & 3]};
#elif defined(__aarch64__)
  // FPCR: trap enables bits 8-12 and 15, rounding bits 22-23, FZ bit 24, which flushes inputs and results alike.
  constexpr Rounding kRounding[4] = {Rounding::kNearestEven, Rounding::kUp, Rounding::kDown, Rounding::kTowardZero};
  const bool flush = (control >> 24 & 1) != 0;
  return {.flush_to_zero = flush,
          .denormals_are_zero = flush,
          .traps = (control & 0x9F00) != 0,
          .rounding = kRounding[control >> 22 & 3]};
#else
  return {false, false, false, Rounding::kNearestEven};
#endif
}

const char* rounding_name(Rounding rounding) {
  switch (rounding) {
    case Rounding::kNearestEven:
      return "nearest even";
    case Rounding::kDown:
      return "down";
    case Rounding::kUp:
      return "up";
    case Rounding::kTowardZero:
      return "toward zero";
  }
  return "unknown";
}

}  // namespace sprat
