#include "kernels/reduce.h"

#include "simd/vec.h"

SPRAT_ISA_BEGIN

// Of a float32 exact in float64.
template <class V>
SPRAT_INLINE V square(V x) {
  return x * x;
}

// The 16 lanes as float64 registers.
struct Lanes {
  using V = Vec<double>;
  static constexpr int kRegisters = kReduceLanes / kLanes<V>;
  V sums[kRegisters];

  SPRAT_INLINE explicit Lanes(const double* lanes) {
    for (int r = 0; r < kRegisters; ++r) sums[r] = V::load(lanes + r * kLanes<V>);
  }
  SPRAT_INLINE void store(double* lanes) const {
    for (int r = 0; r < kRegisters; ++r) sums[r].store(lanes + r * kLanes<V>);
  }

  SPRAT_INLINE void add(const double* x) {
    for (int r = 0; r < kRegisters; ++r) sums[r] += square(V::load(x + r * kLanes<V>));
  }
  SPRAT_INLINE void add(const float* x) {
    for (int r = 0; r < kRegisters; r += 2) {
      const Vec<float> both = Vec<float>::load(x + r * kLanes<V>);
      sums[r] += square(widen_low(both));
      sums[r + 1] += square(widen_high(both));
    }
  }
};

template <class T>
void sum_of_squares(const void* array, int64_t n, int64_t offset, double* lanes) {
  const T* x = static_cast<const T*>(array);
  int64_t i = 0;
  const auto add_until = [&](int64_t end) {
    for (; i < end; ++i) lanes[(offset + i) % kReduceLanes] += square(static_cast<double>(x[i]));
  };
  const int64_t head = (kReduceLanes - offset % kReduceLanes) % kReduceLanes;
  add_until(head < n ? head : n);  // up to an element of lane 0
  if (n - i >= kReduceLanes) {
    Lanes sums(lanes);
    for (; i + kReduceLanes <= n; i += kReduceLanes) sums.add(x + i);
    sums.store(lanes);
  }
  add_until(n);
}

template <class T>
int64_t count_nonfinite(const void* array, int64_t n) {
  using V = Vec<T>;
  const T* x = static_cast<const T*>(array);
  int64_t total = 0, i = 0;
  const auto add = [&](V value)
                       SPRAT_INLINE_LAMBDA { total += count(value - value != V(0)); };  // 0 if finite, else NaN
  for (; i + kLanes<V> <= n; i += kLanes<V>) add(V::load(x + i));
  if (i < n) add(V::load_partial(x + i, n - i));
  return total;
}

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const ReduceKernels reduce_kernels;
const ReduceKernels reduce_kernels = {
    {sum_of_squares<float>, sum_of_squares<double>},
    {count_nonfinite<float>, count_nonfinite<double>},
};
}  // namespace sprat::SPRAT_ISA
