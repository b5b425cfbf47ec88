#include "kernels/limits.h"

#include "core/unroll.h"
#include "simd/dot.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

// Independent sums: more than latency times units (4 x 2), fewer than registers.
constexpr int kChains = 12;

// The compiler must believe that sums matter.
template <class V, int n>
SPRAT_INLINE void keep(const V (&sum)[n]) {
  V total = sum[0];
  for (int i = 1; i < n; ++i) total = total + sum[i];
  asm volatile("" : : "m"(total));
}

int64_t fma_rounds(int64_t rounds) {
  using V = Vec<float>;
  V sum[kChains];
  for (V& one : sum) one = V(1.0f);
  const V factor(0.999f), term(0.001f);
  for (int64_t round = 0; round < rounds; ++round) {
    SPRAT_UNROLL(12)
    for (V& one : sum) one = fma(one, factor, term);
  }
  keep(sum);
  return rounds * kChains * kLanes<V> * 2;
}

int64_t dot_rounds(int64_t rounds) {
  using I = Vec<int32_t>;
  constexpr uint8_t kOnes[4] = {1, 1, 1, 1};
  I sum[kChains];
  for (I& one : sum) one = I(0);
  const UnsignedBytes a = broadcast_four(kOnes);
  const SignedBytes w = split_signed(native::broadcast(0x01010101));
  for (int64_t round = 0; round < rounds; ++round) {
    SPRAT_UNROLL(12)
    for (I& one : sum) one = dot(one, a, w);
  }
  keep(sum);
  return rounds * kChains * kLanes<I> * 4 * 2;
}

int64_t read_rounds(const void* memory, int64_t bytes, int64_t rounds) {
  using I = Vec<int32_t>;
  constexpr int kAtOnce = 8;
  constexpr int64_t kStep = kAtOnce * kLanes<I>;
  const auto* words = static_cast<const int32_t*>(memory);
  const int64_t count = bytes / 4 / kStep * kStep;
  I sum[kAtOnce];
  for (I& one : sum) one = I(0);
  for (int64_t round = 0; round < rounds; ++round) {
    for (int64_t i = 0; i < count; i += kStep) {
      SPRAT_UNROLL(8)
      for (int j = 0; j < kAtOnce; ++j) sum[j] = sum[j] ^ I::load(words + i + j * kLanes<I>);
    }
    asm volatile("" : "+r"(words));  // or all rounds would be one
  }
  keep(sum);
  return rounds * count * 4;
}

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const LimitKernels limit_kernels;
const LimitKernels limit_kernels = {fma_rounds, dot_rounds, read_rounds};
}  // namespace sprat::SPRAT_ISA
