// Loops and sums whose order the shape alone fixes, whatever the width of a register.
//
// Element i belongs to logical lane i % 16. A sum adds the elements of each lane in float64, in order, and then the
// lanes by a fixed tree: the same bits on every instruction set. The loops are not unrolled and have one body for whole
// vectors and the tail: a formula with exp and log in it is long, and is compiled for every instruction set.
#pragma once

#include "kernels/reduce.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

// Of a vector of which n elements are left: n >= kLanes<V> is all of it.
template <class V>
SPRAT_INLINE V load_lanes(const Scalar<V>* p, int64_t n) {
  return n >= kLanes<V> ? V::load(p) : V::load_partial(p, n);
}
template <class V>
SPRAT_INLINE void store_lanes(Scalar<V>* p, V v, int64_t n) {
  if (n >= kLanes<V>) {
    v.store(p);
  } else {
    v.store_partial(p, n);
  }
}

template <class T>
constexpr T kOnes[kReduceLanes] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

// v in the first n lanes, else `rest`.
template <class V>
SPRAT_INLINE V keep_lanes(V v, V rest, int64_t n) {
  return n >= kLanes<V> ? v : select(V::load_partial(kOnes<Scalar<V>>, n) != V(0), v, rest);
}

// body(i, left) for the vectors that begin at element i; left = n - i.
template <class V, class Body>
SPRAT_INLINE void for_each_vector(int64_t n, Body&& body) {
#pragma GCC unroll 1
  for (int64_t i = 0; i < n; i += kLanes<V>) body(i, n - i);
}

// Vectors are added at the index of their first element, which is a multiple of their lanes.
class LaneSum {
 public:
  template <class T>
  SPRAT_INLINE void add(Vec<T> v, int64_t i, int64_t left) {
    v = keep_lanes(v, Vec<T>(0), left);
    Vec<double>* lanes = lanes_ + i % kReduceLanes / kWidth;
    if constexpr (sizeof(T) == sizeof(double)) {
      lanes[0] += v;
    } else {
      lanes[0] += widen_low(v);
      lanes[1] += widen_high(v);
    }
  }

  // Lane i and lane i + 8, then i + 4, i + 2, i + 1: whole registers first.
  SPRAT_INLINE double total() const {
    Vec<double> registers[kRegisters];
    for (int i = 0; i < kRegisters; ++i) registers[i] = lanes_[i];
    for (int half = kRegisters / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) registers[i] += registers[i + half];
    }
    double sums[kWidth];
    registers[0].store(sums);
    return join_halves(sums, kWidth);
  }

 private:
  static constexpr int kWidth = kLanes<Vec<double>>;
  static constexpr int kRegisters = kReduceLanes / kWidth;
  Vec<double> lanes_[kRegisters] = {};
};

SPRAT_ISA_END
