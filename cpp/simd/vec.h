// Vec<T>: one native register of T lanes, and the small vocabulary that formulas and kernels are written in.
//
// A formula is a template over V and gives the same bits for V = float, double, Vec<float> and Vec<double>,
// on every instruction set (ISA): each word below is exact or correctly rounded, and none is approximate.
//
//   kLanes<V>  Scalar<V>  Mask<V>  Int<V>        lanes; element type; result of a comparison; integers as wide as V
//   V(x)                                         broadcast; implicit unless it narrows (write V(0.1), not 0.1)
//   + - * /  += -= *= /=  < <= > >= == !=        lane by lane; an integer V also has & | ^ ~ << >> (arithmetic), and
//                                                its sums wrap
//   && || !  any(m)  all(m)  count(m)            on masks;  mask_bits(m): lane i in bit i
//   select(m, a, b)                              m ? a : b
//   fma(a, b, c)                                 a * b + c, rounded once
//   mul_add(a, b, c)                             rounded once or twice, as is fast: where no result depends on it
//   sqrt(a)  abs(a)  copysign(a, sign)
//   round_even(a)                                to the nearest integer, ties to even (keeps -0)
//   min(a, b) = a < b ? a : b                    so a NaN in either operand gives b, and so does a tie of zeros
//   max(a, b) = a > b ? a : b
//   clamp(a, low, high)                          min(max(a, low), high): a NaN becomes low
//   to_bits(v)  from_bits<V>(i)                  reinterpret as Int<V> and back
//   shift_right_logical(i, n)                    shifts in zeros, n constant over the lanes
//   round_to_int(v)                              ties to even; |v| < 2^31 for float, <= 2^51 for double
//   to_real(i)                                   int32 -> float, rounded; int64 -> double, |i| <= 2^51
//   widen_low(v)  widen_high(v)  narrow(l, h)    first and second half of Vec<float> as Vec<double>; back, rounded
//
// Memory, any alignment.  "partial" touches the first n elements only, never a byte beyond them: n <= 0 touches
// nothing, n >= kLanes<V> is the full register; the lanes that were not loaded are zero (false).
//
//   V::load(p)  v.store(p)  V::load_partial(p, n)  v.store_partial(p, n)
//   load<V>(p)  store(p, v)  load_partial<V>(p, n)  store_partial(p, v, n)         the same, for scalars too
//   load_i8<V>(p)  load_u8<V>(p)  store_i8(p, v)  store_u8(p, v)                   bytes as numbers; a stored float is
//                                                                 rounded to even and must lie in the type's range
//   load_mask_u8<V>(p)  store_mask_u8(p, mask)                    bytes 0 and 1 as a mask (any non-zero byte is true)
//   load_i8_partial<V>(p, n)  store_i8_partial(p, v, n)  ...      and so for all six
//
// Not promised: which NaN comes out where several could (its sign and payload differ between CPUs).
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/macros.h"

#if defined(__FAST_MATH__)
#error "sprat promises bits: never compile it with -ffast-math"
#endif
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sprat stores numbers in little-endian order");

#include "simd/scalar.h"

// A thread of a GPU computes with one number at a time: there the words are those of scalar.h alone.
#if defined(SPRAT_ISA_CUDA)
#elif defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)
#include "simd/avx512.h"
#elif defined(SPRAT_ISA_AVX2)
#include "simd/avx2.h"
#elif defined(SPRAT_ISA_PORTABLE)
#include "simd/portable.h"
#elif defined(__SSE2__)
#include "simd/sse2.h"
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include "simd/neon.h"
#else
#include "simd/portable.h"
#endif

SPRAT_ISA_BEGIN

#if !defined(SPRAT_ISA_CUDA)
// The result of comparing two Vec; I is the integer as wide as a lane, so floats and their bits share a mask.
template <class I>
struct VecMask {
  using Register = native::MaskRegister<I>;
  Register m{};

  SPRAT_INLINE friend VecMask operator&&(VecMask a, VecMask b) { return {static_cast<Register>(a.m & b.m)}; }
  SPRAT_INLINE friend VecMask operator||(VecMask a, VecMask b) { return {static_cast<Register>(a.m | b.m)}; }
  SPRAT_INLINE friend VecMask operator!(VecMask a) { return {static_cast<Register>(~a.m)}; }
  SPRAT_INLINE friend uint32_t mask_bits(VecMask a) { return native::mask_bits(a.m); }
  SPRAT_INLINE friend int count(VecMask a) { return __builtin_popcount(mask_bits(a)); }
  SPRAT_INLINE friend bool any(VecMask a) { return mask_bits(a) != 0; }
  SPRAT_INLINE friend bool all(VecMask a) { return mask_bits(a) == native::kAllBits<I>; }
};

template <class T>
struct Vec {
  using Register = native::Register<T>;
  using Mask = VecMask<IntOf<T>>;
  static constexpr int lanes = native::kLanes<T>;
  Register r{};

  Vec() = default;
  SPRAT_INLINE explicit Vec(Register reg) : r(reg) {}
  // A double beside Vec<float> does not convert silently: with V = float the same text would compute in double.
  template <Number U>
  SPRAT_INLINE explicit(std::is_floating_point_v<U> && sizeof(U) > sizeof(T)) Vec(U x)
      : r(native::broadcast(static_cast<T>(x))) {}

  SPRAT_INLINE static Vec load(const T* p) {
    Vec v;
    __builtin_memcpy(&v.r, p, sizeof v.r);
    return v;
  }
  SPRAT_INLINE static Vec load_partial(const T* p, int64_t n) { return Vec(native::load_partial(p, n)); }
  SPRAT_INLINE void store(T* p) const { __builtin_memcpy(p, &r, sizeof r); }
  SPRAT_INLINE void store_partial(T* p, int64_t n) const { native::store_partial(p, r, n); }
  SPRAT_INLINE T operator[](int lane) const { return r[lane]; }

  SPRAT_INLINE friend Vec operator+(Vec a, Vec b) { return wrapped(wrapping(a) + wrapping(b)); }
  SPRAT_INLINE friend Vec operator-(Vec a, Vec b) { return wrapped(wrapping(a) - wrapping(b)); }
  SPRAT_INLINE friend Vec operator*(Vec a, Vec b) { return Vec(a.r * b.r); }
  SPRAT_INLINE friend Vec operator/(Vec a, Vec b) { return Vec(a.r / b.r); }
  SPRAT_INLINE friend Vec operator-(Vec a) { return Vec(-a.r); }
  SPRAT_INLINE Vec& operator+=(Vec b) { return *this = *this + b; }
  SPRAT_INLINE Vec& operator-=(Vec b) { return *this = *this - b; }
  SPRAT_INLINE Vec& operator*=(Vec b) { return *this = *this * b; }
  SPRAT_INLINE Vec& operator/=(Vec b) { return *this = *this / b; }

  // Sums of integers wrap: as unsigned numbers they do so by the language's rules.
  SPRAT_INLINE static auto wrapping(Vec v) {
    if constexpr (std::is_integral_v<T>) return reinterpret_cast<native::Register<std::make_unsigned_t<T>>>(v.r);
    else return v.r;
  }
  template <class R>
  SPRAT_INLINE static Vec wrapped(R sum) {
    return Vec(reinterpret_cast<Register>(sum));
  }

  SPRAT_INLINE friend Mask operator<(Vec a, Vec b) { return {native::less(a.r, b.r)}; }
  SPRAT_INLINE friend Mask operator<=(Vec a, Vec b) { return {native::less_equal(a.r, b.r)}; }
  SPRAT_INLINE friend Mask operator>(Vec a, Vec b) { return b < a; }
  SPRAT_INLINE friend Mask operator>=(Vec a, Vec b) { return b <= a; }
  SPRAT_INLINE friend Mask operator==(Vec a, Vec b) { return {native::equal(a.r, b.r)}; }
  SPRAT_INLINE friend Mask operator!=(Vec a, Vec b) { return !(a == b); }

  SPRAT_INLINE friend Vec select(Mask m, Vec a, Vec b) { return Vec(native::select(m.m, a.r, b.r)); }
  SPRAT_INLINE friend Vec min(Vec a, Vec b) { return Vec(native::min(a.r, b.r)); }
  SPRAT_INLINE friend Vec max(Vec a, Vec b) { return Vec(native::max(a.r, b.r)); }
  SPRAT_INLINE friend Vec clamp(Vec a, Vec low, Vec high) { return min(max(a, low), high); }

  // Real lanes only.
  SPRAT_INLINE friend Vec fma(Vec a, Vec b, Vec c) { return Vec(native::fma(a.r, b.r, c.r)); }
  SPRAT_INLINE friend Vec sqrt(Vec a) { return Vec(native::sqrt(a.r)); }
  SPRAT_INLINE friend Vec round_even(Vec a) { return Vec(native::round_even(a.r)); }
  SPRAT_INLINE friend Vec<IntOf<T>> to_bits(Vec a) {
    return Vec<IntOf<T>>(reinterpret_cast<native::Register<IntOf<T>>>(a.r));
  }
  SPRAT_INLINE friend Vec abs(Vec a) { return from_integer(to_bits(a) & ~kSignBit<T>); }
  SPRAT_INLINE friend Vec copysign(Vec a, Vec sign) {
    return from_integer((to_bits(a) & ~kSignBit<T>) | (to_bits(sign) & kSignBit<T>));
  }
  SPRAT_INLINE static Vec from_integer(Vec<IntOf<T>> bits) { return Vec(reinterpret_cast<Register>(bits.r)); }

  // Integer lanes only.
  SPRAT_INLINE friend Vec operator&(Vec a, Vec b) { return Vec(a.r & b.r); }
  SPRAT_INLINE friend Vec operator|(Vec a, Vec b) { return Vec(a.r | b.r); }
  SPRAT_INLINE friend Vec operator^(Vec a, Vec b) { return Vec(a.r ^ b.r); }
  SPRAT_INLINE friend Vec operator~(Vec a) { return Vec(~a.r); }
  SPRAT_INLINE friend Vec operator<<(Vec a, int n) { return Vec(a.r << n); }
  SPRAT_INLINE friend Vec operator>>(Vec a, int n) { return Vec(a.r >> n); }
  SPRAT_INLINE friend Vec shift_right_logical(Vec a, int n) {
    using Unsigned = native::Register<std::make_unsigned_t<T>>;
    return Vec(reinterpret_cast<Register>(reinterpret_cast<Unsigned>(a.r) >> n));
  }
};
#endif

// What V stands for, scalar or vector.
template <class V>
struct VecTraits {
  using Scalar = V;
  using Mask = bool;
  using Int = IntOf<V>;
  static constexpr int lanes = 1;
};
#if !defined(SPRAT_ISA_CUDA)
template <class T>
struct VecTraits<Vec<T>> {
  using Scalar = T;
  using Mask = VecMask<IntOf<T>>;
  using Int = Vec<IntOf<T>>;
  static constexpr int lanes = Vec<T>::lanes;
};
#endif
template <class V>
using Scalar = typename VecTraits<V>::Scalar;
template <class V>
using Mask = typename VecTraits<V>::Mask;
template <class V>
using Int = typename VecTraits<V>::Int;
template <class V>
constexpr int kLanes = VecTraits<V>::lanes;

template <class V>
SPRAT_HD SPRAT_INLINE V from_bits(Int<V> bits) {
  if constexpr (kLanes<V> == 1) {
    return scalar_from_bits<V>(bits);
  } else {
    return V::from_integer(bits);
  }
}

#if defined(__FMA__) || defined(__aarch64__) || defined(SPRAT_ISA_CUDA)
constexpr bool kHasFastFma = true;
#else
constexpr bool kHasFastFma = false;
#endif
template <class V>
SPRAT_HD SPRAT_INLINE V mul_add(V a, V b, V c) {
  if constexpr (kHasFastFma) {
    return fma(a, b, c);
  } else {
    return a * b + c;
  }
}

#if !defined(SPRAT_ISA_CUDA)
SPRAT_INLINE Vec<int32_t> round_to_int(Vec<float> v) { return Vec<int32_t>(native::round_to_int(v.r)); }
SPRAT_INLINE Vec<float> to_real(Vec<int32_t> i) { return Vec<float>(native::to_real(i.r)); }
// No 64-bit conversion before AVX-512: adding 1.5 * 2^52 leaves the integer in the low bits of the sum.
SPRAT_INLINE Vec<int64_t> round_to_int(Vec<double> v) {
  return to_bits(v + kRoundMagic) - to_bits(Vec<double>(kRoundMagic));
}
SPRAT_INLINE Vec<double> to_real(Vec<int64_t> i) {
  return from_bits<Vec<double>>(i + to_bits(Vec<double>(kRoundMagic))) - kRoundMagic;
}

SPRAT_INLINE Vec<double> widen_low(Vec<float> v) { return Vec<double>(native::widen_low(v.r)); }
SPRAT_INLINE Vec<double> widen_high(Vec<float> v) { return Vec<double>(native::widen_high(v.r)); }
SPRAT_INLINE Vec<float> narrow(Vec<double> low, Vec<double> high) { return Vec<float>(native::narrow(low.r, high.r)); }
#endif

SPRAT_ISA_END

#if !defined(SPRAT_ISA_CUDA)
#include "simd/memory.h"
#endif
