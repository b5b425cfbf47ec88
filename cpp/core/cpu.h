// What the processor and the operating system offer.
#pragma once

namespace sprat {

// One flag per instruction set extension that a kernel might be compiled for. A flag is true only where the operating
// system also saves the registers the extension uses. X(name)
// clang-format off
#define SPRAT_CPU_FEATURES(X)                                                                                          \
  X(sse2) X(sse3) X(ssse3) X(sse41) X(sse42) X(popcnt) X(avx) X(f16c) X(fma) X(bmi1) X(bmi2) X(lzcnt) X(movbe)         \
  X(avx2) X(avx_vnni) X(avx512f) X(avx512cd) X(avx512dq) X(avx512bw) X(avx512vl) X(avx512_vnni) X(avx512_vbmi)         \
  X(avx512_bf16) X(avx512_fp16)                                                                                        \
  X(neon) X(neon_fp16) X(neon_dotprod) X(neon_i8mm) X(neon_bf16) X(sve)
// clang-format on

struct CpuFeatures {
#define SPRAT_DECLARE(name) bool name = false;
  SPRAT_CPU_FEATURES(SPRAT_DECLARE)
#undef SPRAT_DECLARE
  char model[64] = "";   // "AMD EPYC 9R14", "" when the processor does not say
  char names[384] = "";  // the flags that are true, separated by spaces
};

// Looked up once.
const CpuFeatures& cpu_features();

}  // namespace sprat
