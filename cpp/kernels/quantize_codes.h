// Real numbers to codes, in groups that fill a register of bytes: for arrays (quantize.cpp) and for the input of
// integer products.
#pragma once

#include "core/unroll.h"
#include "formulas/quantize/affine.h"
#include "kernels/quantize_walk.h"
#include "simd/stream.h"
#include "storage/list.h"

SPRAT_ISA_BEGIN

// A real number for each lane of Vec<int32_t>: one register of float, two of double.
template <class T>
struct Reals {
  using V = Vec<T>;
  static constexpr int kRegisters = sizeof(T) / sizeof(float);
  static constexpr int64_t kCount = kLanes<Vec<float>>;
  V at[kRegisters];

  template <bool kWhole>
  SPRAT_INLINE static Reals load(const T* p, int64_t n) {
    Reals x;
    for (int r = 0; r < kRegisters; ++r) {
      const int64_t i = r * kLanes<V>;
      x.at[r] = kWhole ? V::load(p + i) : V::load_partial(p + i, n - i);
    }
    return x;
  }
};
SPRAT_INLINE Vec<float> as_float(const Reals<float>& x) { return x.at[0]; }
SPRAT_INLINE Vec<float> as_float(const Reals<double>& x) { return narrow(x.at[0], x.at[1]); }

// The integers nearest to x / scale + zero_point, where `sure`. They saturate where they are no codes.
SPRAT_INLINE Vec<int32_t> integers_of(const Reals<float>& shifted) {
  // The bits of numbers between 2^23 and 2^24 count as they do, those of larger and of infinite ones on.
  return to_bits(shifted.at[0]) - to_bits(Vec<float>(kRoundingMagic<float>));
}
SPRAT_INLINE Vec<int32_t> integers_of(const Reals<double>& shifted) {
  const Vec<double> magic(kRoundingMagic<double>);
  return round_to_int(min(narrow(shifted.at[0] - magic, shifted.at[1] - magic), Vec<float>(1e6f)));
}

template <class Format, class T>
struct Quantize {
  using V = Vec<T>;
  using Code = typename Format::Element;
  static constexpr int64_t kCount = Reals<T>::kCount;
  const T* from;
  Code* to;
  V quant_min, quant_max;
  typename Format::Limits limits;
  bool stream;

  template <class At>
  SPRAT_INLINE void operator()(const At& at, int64_t first, int64_t n) const {
    const T* x = from + first;
    Code* q = to + first;
    if (n < kGroup) return group<false>(at, 0, x, q, n);
    int64_t i = 0;
    if constexpr (At::kIsSame) {
      if (stream) {  // no byte twice: that would fetch what has gone to memory
        i = until_aligned(q);
        if (i > 0) group<false>(at, 0, x, q, i);
        for (; i + kGroup <= n; i += kGroup) {
          stream_bytes(q + i, Format::pack_group(codes_of<true>(at, i, x + i, kGroup).at, limits));
        }
        return group<false>(at, i, x + i, q + i, n - i);
      }
    }
    for (; i + kGroup <= n; i += kGroup) group<true>(at, i, x + i, q + i, kGroup);
    if (i < n) group<true>(at, n - kGroup, x + n - kGroup, q + n - kGroup, kGroup);  // some of them once more
  }

  struct Codes {
    Vec<int32_t> at[4];
  };

  // Of the four registers that load(0) to load(3) give; register k begins at element i + k * step of what `at` knows.
  template <class At, class Load>
  SPRAT_INLINE Codes codes_of(const At& at, int64_t i, int64_t step, const Load& load) const {
    Codes codes;
    Mask<V> sure[4];
    for (int k = 0; k < 4; ++k) {
      const Reals<T> value = load(k);
      Reals<T> shifted;
      for (int r = 0; r < Reals<T>::kRegisters; ++r) {
        Mask<V> here;
        shifted.at[r] = at.bracket(i + k * step + r * kLanes<V>).shifted_code(value.at[r], here);
        sure[k] = r == 0 ? here : sure[k] && here;
      }
      codes.at[k] = integers_of(shifted);
    }
    if (!all((sure[0] && sure[1]) && (sure[2] && sure[3]))) [[unlikely]] {
      for (int k = 0; k < 4; ++k) codes.at[k] = divide(at, i + k * step, load(k));
    }
    return codes;
  }

  // Of n elements from x on, at most a group.
  template <bool kWhole, class At>
  SPRAT_INLINE Codes codes_of(const At& at, int64_t i, const T* x, int64_t n) const {
    return codes_of(at, i, kCount, [&](int64_t k) SPRAT_INLINE_LAMBDA {
      return Reals<T>::template load<kWhole>(x + k * kCount, n - k * kCount);
    });
  }

 private:
  template <bool kWhole, class At>
  SPRAT_INLINE void group(const At& at, int64_t i, const T* x, Code* q, int64_t n) const {
    const Codes codes = codes_of<kWhole>(at, i, x, n);
    if constexpr (kWhole) {
      Format::store_group(q, codes.at, limits);
    } else {
      Format::store_group_partial(q, codes.at, limits, n);
    }
  }

  template <class At>
  SPRAT_INLINE Vec<int32_t> divide(const At& at, int64_t i, Reals<T> value) const {
    for (int r = 0; r < Reals<T>::kRegisters; ++r) {
      const int64_t j = i + r * kLanes<V>;
      const V scale = at.scale(j);
      const Affine<V> affine{without_denormals(scale, scale), at.zero_point(j), quant_min, quant_max};
      value.at[r] = affine.quantize(without_denormals(value.at[r], scale));
    }
    return round_to_int(as_float(value));
  }
};

SPRAT_ISA_END
