// Every primitive of vec.h on GNU vector types, in plain loops over the lanes: what an ISA header does not replace
// by an overload of the same name, because this text already compiles to the right instruction, stays as it is here.
// The ISA header defines native::kRegisterBytes before it includes this file.
#pragma once

#include "simd/scalar.h"

SPRAT_ISA_BEGIN
namespace native {

template <class T, int bytes>
struct Gnu {
  typedef T type __attribute__((vector_size(bytes)));
};
template <class T>
using Register = typename Gnu<T, kRegisterBytes>::type;
template <class T>
constexpr int kLanes = kRegisterBytes / static_cast<int>(sizeof(T));
template <class T>
constexpr uint32_t kAllBits = (1u << kLanes<T>)-1;

using F32 = Register<float>;
using F64 = Register<double>;
using I32 = Register<int32_t>;
using I64 = Register<int64_t>;

template <class R>
using Element = std::remove_cvref_t<decltype(R{}[0])>;
template <class R>
constexpr int kCount = sizeof(R) / sizeof(Element<R>);

// A mask is an integer register with lanes 0 or -1, unless the ISA has mask registers.
template <class I>
struct MaskOf {
  using type = Register<I>;
};
template <class I>
using MaskRegister = typename MaskOf<I>::type;
template <class R>
using MaskFor = Register<IntOf<Element<R>>>;

template <class T>
SPRAT_INLINE Register<T> broadcast(T x) {
  return x - Register<T>{};  // x - 0 is x for every x, -0 included; compiles to the broadcast alone
}

template <class R>
SPRAT_INLINE MaskFor<R> less(R a, R b) {
  return reinterpret_cast<MaskFor<R>>(a < b);
}
template <class R>
SPRAT_INLINE MaskFor<R> less_equal(R a, R b) {
  return reinterpret_cast<MaskFor<R>>(a <= b);
}
template <class R>
SPRAT_INLINE MaskFor<R> equal(R a, R b) {
  return reinterpret_cast<MaskFor<R>>(a == b);
}
template <class R>
SPRAT_INLINE R select(MaskFor<R> m, R a, R b) {
  return reinterpret_cast<R>((m & reinterpret_cast<MaskFor<R>>(a)) | (~m & reinterpret_cast<MaskFor<R>>(b)));
}
template <class M>
SPRAT_INLINE uint32_t mask_bits(M m) {
  uint32_t bits = 0;
  for (int i = 0; i < kCount<M>; ++i) bits |= static_cast<uint32_t>(m[i] & 1) << i;
  return bits;
}

template <class R>
SPRAT_INLINE R min(R a, R b) {
  return select(less(a, b), a, b);
}
template <class R>
SPRAT_INLINE R max(R a, R b) {
  return select(less(b, a), a, b);
}
template <class R>
SPRAT_INLINE R fma(R a, R b, R c) {
  for (int i = 0; i < kCount<R>; ++i) c[i] = sprat::fma(a[i], b[i], c[i]);
  return c;
}
template <class R>
SPRAT_INLINE R sqrt(R a) {
  for (int i = 0; i < kCount<R>; ++i) a[i] = sprat::sqrt(a[i]);
  return a;
}
template <class R>
SPRAT_INLINE R round_even(R a) {
  for (int i = 0; i < kCount<R>; ++i) a[i] = sprat::round_even(a[i]);
  return a;
}

template <class R>
SPRAT_INLINE I32 round_to_int(R a) {
  I32 result{};
  for (int i = 0; i < kLanes<float>; ++i) result[i] = sprat::round_to_int(a[i]);
  return result;
}
SPRAT_INLINE F32 to_real(I32 a) { return __builtin_convertvector(a, F32); }

template <class R>
SPRAT_INLINE F64 widen_low(R a) {
  F64 result{};
  for (int i = 0; i < kLanes<double>; ++i) result[i] = a[i];
  return result;
}
template <class R>
SPRAT_INLINE F64 widen_high(R a) {
  F64 result{};
  for (int i = 0; i < kLanes<double>; ++i) result[i] = a[i + kLanes<double>];
  return result;
}
template <class R>
SPRAT_INLINE F32 narrow(R low, R high) {
  F32 result{};
  for (int i = 0; i < kLanes<double>; ++i) {
    result[i] = static_cast<float>(low[i]);
    result[i + kLanes<double>] = static_cast<float>(high[i]);
  }
  return result;
}

// The first n of `count` elements, in at most log2(count) moves of a half, a quarter, ... of them.
template <int count>
using LaneCount = std::integral_constant<int, count>;
template <class T, int count>
SPRAT_INLINE void copy_below(T* to, const T* from, int64_t n, LaneCount<count>) {
  constexpr int half = count / 2;
  if constexpr (half > 0) {
    if (n & half) {
      __builtin_memcpy(to, from, half * sizeof(T));
      to += half;
      from += half;
    }
    copy_below(to, from, n, LaneCount<half>{});
  }
}
template <class T, int count>
SPRAT_INLINE void copy(T* to, const T* from, int64_t n, LaneCount<count> lanes) {
  if (n >= count) {
    __builtin_memcpy(to, from, count * sizeof(T));
  } else if (n > 0) {
    copy_below(to, from, n, lanes);
  }
}
template <class T>
SPRAT_INLINE Register<T> load_partial(const T* p, int64_t n) {
  Register<T> r{};
  copy(reinterpret_cast<T*>(&r), p, n, LaneCount<kLanes<T>>{});
  return r;
}
template <class T>
SPRAT_INLINE void store_partial(T* p, Register<T> r, int64_t n) {
  copy(p, reinterpret_cast<const T*>(&r), n, LaneCount<kLanes<T>>{});
}

// One byte for each lane of a register.
template <class Byte, int count>
using Bytes = typename Gnu<Byte, count>::type;
template <class B, class R>
SPRAT_INLINE R widen_bytes(B bytes, R) {
  return __builtin_convertvector(bytes, R);
}
template <class R>
SPRAT_INLINE auto narrow_to_bytes(R a) {  // the low byte of each integer: right for int8 and for uint8
  return __builtin_convertvector(a, Bytes<uint8_t, kCount<R>>);
}

}  // namespace native
SPRAT_ISA_END
