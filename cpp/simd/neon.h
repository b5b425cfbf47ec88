// AArch64: NEON.
#pragma once

#include <arm_neon.h>

#include "core/macros.h"

SPRAT_ISA_BEGIN
namespace native {
constexpr int kRegisterBytes = 16;
}
SPRAT_ISA_END

#include "simd/registers.h"

SPRAT_ISA_BEGIN
namespace native {

// min and max stay as registers.h has them: fmin and fmax follow another rule for NaN.
SPRAT_INLINE F32 fma(F32 a, F32 b, F32 c) { return vfmaq_f32(c, a, b); }
SPRAT_INLINE F64 fma(F64 a, F64 b, F64 c) { return vfmaq_f64(c, a, b); }
SPRAT_INLINE F32 sqrt(F32 a) { return vsqrtq_f32(a); }
SPRAT_INLINE F64 sqrt(F64 a) { return vsqrtq_f64(a); }
SPRAT_INLINE F32 round_even(F32 a) { return vrndnq_f32(a); }
SPRAT_INLINE F64 round_even(F64 a) { return vrndnq_f64(a); }
SPRAT_INLINE uint32_t mask_bits(I32 m) { return vaddvq_u32(reinterpret_cast<uint32x4_t>(m & I32{1, 2, 4, 8})); }
SPRAT_INLINE uint32_t mask_bits(I64 m) {
  return static_cast<uint32_t>(vaddvq_u64(reinterpret_cast<uint64x2_t>(m & I64{1, 2})));
}

SPRAT_INLINE I32 round_to_int(F32 a) { return vcvtnq_s32_f32(a); }
SPRAT_INLINE F64 widen_low(F32 a) { return vcvt_f64_f32(vget_low_f32(a)); }
SPRAT_INLINE F64 widen_high(F32 a) { return vcvt_high_f64_f32(a); }
SPRAT_INLINE F32 narrow(F64 low, F64 high) { return vcvt_high_f32_f64(vcvt_f32_f64(low), high); }

SPRAT_INLINE I32 widen_bytes(Bytes<int8_t, 4> bytes, I32) {
  const int8x8_t low = vreinterpret_s8_s32(vdup_n_s32(reinterpret_cast<int32_t>(bytes)));
  return vmovl_s16(vget_low_s16(vmovl_s8(low)));
}
SPRAT_INLINE I32 widen_bytes(Bytes<uint8_t, 4> bytes, I32) {
  const uint8x8_t low = vreinterpret_u8_s32(vdup_n_s32(reinterpret_cast<int32_t>(bytes)));
  return reinterpret_cast<I32>(vmovl_u16(vget_low_u16(vmovl_u8(low))));
}
SPRAT_INLINE F32 widen_bytes(Bytes<int8_t, 4> bytes, F32) { return to_real(widen_bytes(bytes, I32{})); }
SPRAT_INLINE F32 widen_bytes(Bytes<uint8_t, 4> bytes, F32) { return to_real(widen_bytes(bytes, I32{})); }
SPRAT_INLINE Bytes<uint8_t, 4> narrow_to_bytes(I32 a) {
  const int16x4_t words = vmovn_s32(a);
  const int8x8_t bytes = vmovn_s16(vcombine_s16(words, words));
  return reinterpret_cast<Bytes<uint8_t, 4>>(vget_lane_s32(vreinterpret_s32_s8(bytes), 0));
}

}  // namespace native
SPRAT_ISA_END
