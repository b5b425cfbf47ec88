// What one core can do at most on an instruction set, to compare layers with: work without purpose, as fast as it goes.
#pragma once

#include <cstdint>

namespace sprat {

struct LimitKernels {
  // Each works for so many rounds, and tells how many operations (a multiply-add is two) or bytes that were.
  int64_t (*fma)(int64_t rounds);  // float32
  int64_t (*dot)(int64_t rounds);  // uint8 x int8 to int32
  int64_t (*read)(const void* memory, int64_t bytes, int64_t rounds);
};

}  // namespace sprat
