#include "kernels/reduce.h"

#include "simd/vec.h"

SPRAT_ISA_BEGIN

// Of a float32 exact in float64.
template <class V>
SPRAT_INLINE V square(V x) {
  return x * x;
}

template <class V, bool kMasked>
SPRAT_INLINE V load_kept(const Scalar<V>* x, const uint8_t* mask, int64_t i) {
  const V value = load<V>(x + i);
  if constexpr (kMasked) return select(load_mask_u8<V>(mask + i), value, V(0));
  else return value;
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

  // Elements [i, i + 16), of which the first belongs to lane 0.
  template <bool kMasked>
  SPRAT_INLINE void add_squares(const double* x, const uint8_t* mask, int64_t i) {
    for (int r = 0; r < kRegisters; ++r) sums[r] += square(load_kept<V, kMasked>(x, mask, i + r * kLanes<V>));
  }
  template <bool kMasked>
  SPRAT_INLINE void add_squares(const float* x, const uint8_t* mask, int64_t i) {
    for (int r = 0; r < kRegisters; r += 2) {
      const Vec<float> both = load_kept<Vec<float>, kMasked>(x, mask, i + r * kLanes<V>);
      sums[r] += square(widen_low(both));
      sums[r + 1] += square(widen_high(both));
    }
  }
};

template <class T, bool kMasked>
SPRAT_INLINE void sum_of_squares(const T* x, const uint8_t* mask, int64_t n, int64_t offset, double* lanes) {
  int64_t i = 0;
  const auto add_until = [&](int64_t end) SPRAT_INLINE_LAMBDA {
    for (; i < end; ++i) {
      lanes[(offset + i) % kReduceLanes] += square(static_cast<double>(load_kept<T, kMasked>(x, mask, i)));
    }
  };
  const int64_t head = (kReduceLanes - offset % kReduceLanes) % kReduceLanes;
  add_until(head < n ? head : n);  // up to an element of lane 0
  if (n - i >= kReduceLanes) {
    Lanes sums(lanes);
    for (; i + kReduceLanes <= n; i += kReduceLanes) sums.add_squares<kMasked>(x, mask, i);
    sums.store(lanes);
  }
  add_until(n);
}

template <class T>
void sum_of_squares(const void* array, const uint8_t* mask, int64_t n, int64_t offset, double* lanes) {
  const T* x = static_cast<const T*>(array);
  if (mask) sum_of_squares<T, true>(x, mask, n, offset, lanes);
  else sum_of_squares<T, false>(x, mask, n, offset, lanes);
}

template <class T>
int64_t count_nonfinite(const void* array, const uint8_t* mask, int64_t n) {
  using V = Vec<T>;
  const T* x = static_cast<const T*>(array);
  int64_t total = 0;
  for (int64_t i = 0; i < n; i += kLanes<V>) {
    const V value = V::load_partial(x + i, n - i);
    const Mask<V> odd = value - value != V(0);  // 0 if finite, else NaN
    total += count(mask ? odd && load_mask_u8_partial<V>(mask + i, n - i) : odd);
  }
  return total;
}

template <class T>
bool all_below(const void* array, int64_t n, double bound) {
  using V = Vec<T>;
  const T* x = static_cast<const T*>(array);
  const V limit{T(bound)};
  Mask<V> below = V(T(0)) == V(T(0));
  int64_t i = 0;
  for (; i + kLanes<V> <= n; i += kLanes<V>) below = below && abs(V::load(x + i)) < limit;
  const V tail = abs(V::load_partial(x + i, n - i));
  return all(below && (tail < limit || tail == V(T(0))));
}

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const ReduceKernels reduce_kernels;
const ReduceKernels reduce_kernels = {
    {sum_of_squares<float>, sum_of_squares<double>},
    {count_nonfinite<float>, count_nonfinite<double>},
    {all_below<float>, all_below<double>},
};
}  // namespace sprat::SPRAT_ISA
