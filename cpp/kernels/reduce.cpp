#include "kernels/reduce.h"

#include "simd/vec.h"

SPRAT_ISA_BEGIN

struct Identity {
  template <class V>
  SPRAT_INLINE static V of(V x) {
    return x;
  }
};
struct Square {
  template <class V>
  SPRAT_INLINE static V of(V x) {
    return x * x;  // of a float32 exact in float64
  }
};

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

  template <class F>
  SPRAT_INLINE void add(const double* x) {
    for (int r = 0; r < kRegisters; ++r) sums[r] += F::of(V::load(x + r * kLanes<V>));
  }
  template <class F>
  SPRAT_INLINE void add(const float* x) {
    for (int r = 0; r < kRegisters; r += 2) {
      const Vec<float> both = Vec<float>::load(x + r * kLanes<V>);
      sums[r] += F::of(widen_low(both));
      sums[r + 1] += F::of(widen_high(both));
    }
  }
};

template <class T, class F>
void lane_sum(const void* array, int64_t n, int64_t offset, double* lanes) {
  const T* x = static_cast<const T*>(array);
  int64_t i = 0;
  const auto add_until = [&](int64_t end) {
    for (; i < end; ++i) lanes[(offset + i) % kReduceLanes] += F::of(static_cast<double>(x[i]));
  };
  const int64_t head = (kReduceLanes - offset % kReduceLanes) % kReduceLanes;
  add_until(head < n ? head : n);  // up to an element of lane 0
  if (n - i >= kReduceLanes) {
    Lanes sums(lanes);
    for (; i + kReduceLanes <= n; i += kReduceLanes) sums.add<F>(x + i);
    sums.store(lanes);
  }
  add_until(n);
}

// f(register) for all of x; the tail is filled up with zeros.
template <class T, class F>
SPRAT_INLINE void for_each_register(const void* array, int64_t n, F f) {
  using V = Vec<T>;
  const T* x = static_cast<const T*>(array);
  int64_t i = 0;
  for (; i + kLanes<V> <= n; i += kLanes<V>) f(V::load(x + i));
  if (i < n) f(V::load_partial(x + i, n - i));
}

template <class T>
double abs_max(const void* array, int64_t n) {
  using V = Vec<T>;
  V largest(0);
  Mask<V> nan = largest != largest;
  for_each_register<T>(array, n, [&](V x) {
    largest = max(abs(x), largest);
    nan = nan || x != x;
  });
  if (any(nan)) return __builtin_nan("");
  T result = 0;
  for (int lane = 0; lane < kLanes<V>; ++lane) result = max(largest[lane], result);
  return static_cast<double>(result);
}

template <class T>
int64_t count_nonfinite(const void* array, int64_t n) {
  int64_t total = 0;
  for_each_register<T>(array, n, [&](Vec<T> x) { total += count(x - x != Vec<T>(0)); });  // 0 if finite, else NaN
  return total;
}

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const ReduceKernels reduce_kernels;
const ReduceKernels reduce_kernels = {
    {lane_sum<float, Identity>, lane_sum<double, Identity>},
    {lane_sum<float, Square>, lane_sum<double, Square>},
    {abs_max<float>, abs_max<double>},
    {count_nonfinite<float>, count_nonfinite<double>},
};
}  // namespace sprat::SPRAT_ISA
