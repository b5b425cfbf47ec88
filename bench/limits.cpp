// What one core can do at most, measured apart from everything that is judged by it.
//
// Built on demand by bench/limits.py into a shared library; nothing of sprat is used. Each function works for a given
// number of rounds, so that the caller's clock sees milliseconds.
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

// Independent accumulators: more than latency (4 to 5 cycles) times units (2), and as many as registers hold.
constexpr int kChains = 12;
volatile float sink_float;
volatile int32_t sink_int;

#if defined(__x86_64__)

__attribute__((target("avx512f"))) void fma_avx512(int64_t rounds) {
  __m512 sums[kChains];
  for (auto& sum : sums) sum = _mm512_set1_ps(1.0F);
  const __m512 factor = _mm512_set1_ps(0.999F), term = _mm512_set1_ps(0.001F);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm512_fmadd_ps(sum, factor, term);
  }
  float total = 0;
  for (const auto& sum : sums) total += _mm512_cvtss_f32(sum);
  sink_float = total;
}

__attribute__((target("avx2,fma"))) void fma_avx2(int64_t rounds) {
  __m256 sums[kChains];
  for (auto& sum : sums) sum = _mm256_set1_ps(1.0F);
  const __m256 factor = _mm256_set1_ps(0.999F), term = _mm256_set1_ps(0.001F);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm256_fmadd_ps(sum, factor, term);
  }
  float total = 0;
  for (const auto& sum : sums) total += _mm256_cvtss_f32(sum);
  sink_float = total;
}

__attribute__((target("avx512f,avx512vnni"))) void dot_vnni(int64_t rounds) {
  __m512i sums[kChains];
  for (auto& sum : sums) sum = _mm512_setzero_si512();
  const __m512i left = _mm512_set1_epi8(1), right = _mm512_set1_epi8(1);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm512_dpbusd_epi32(sum, left, right);
  }
  int32_t total = 0;
  for (const auto& sum : sums) total += _mm512_cvtsi512_si32(sum);
  sink_int = total;
}

// 1.7 / sqrt(x) goes to the cube root of 2.89 and stays: an ordinary number, at the ordinary speed.
__attribute__((target("avx512f"))) void root_avx512(int64_t rounds) {
  __m512 values[8];
  const __m512 dividend = _mm512_set1_ps(1.7F);
  for (auto& value : values) value = dividend;
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 8
    for (auto& value : values) value = _mm512_div_ps(dividend, _mm512_sqrt_ps(value));
  }
  float total = 0;
  for (const auto& value : values) total += _mm512_cvtss_f32(value);
  sink_float = total;
}

__attribute__((target("avx2"))) void root_avx2(int64_t rounds) {
  __m256 values[8];
  const __m256 dividend = _mm256_set1_ps(1.7F);
  for (auto& value : values) value = dividend;
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 8
    for (auto& value : values) value = _mm256_div_ps(dividend, _mm256_sqrt_ps(value));
  }
  float total = 0;
  for (const auto& value : values) total += _mm256_cvtss_f32(value);
  sink_float = total;
}

__attribute__((target("avx512f"))) void read_avx512(const char* memory, int64_t bytes, int64_t rounds) {
  __m512i sums[8];
  for (auto& sum : sums) sum = _mm512_setzero_si512();
  for (int64_t round = 0; round < rounds; ++round) {
    for (int64_t at = 0; at + 512 <= bytes; at += 512) {
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) sums[i] = _mm512_xor_si512(sums[i], _mm512_load_si512(memory + at + 64 * i));
    }
    asm volatile("" ::: "memory");  // or the rounds would be folded into one
  }
  int32_t total = 0;
  for (const auto& sum : sums) total ^= _mm512_cvtsi512_si32(sum);
  sink_int = total;
}

__attribute__((target("avx2"))) void read_avx2(const char* memory, int64_t bytes, int64_t rounds) {
  __m256i sums[8];
  for (auto& sum : sums) sum = _mm256_setzero_si256();
  for (int64_t round = 0; round < rounds; ++round) {
    for (int64_t at = 0; at + 256 <= bytes; at += 256) {
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        sums[i] = _mm256_xor_si256(sums[i], _mm256_load_si256(reinterpret_cast<const __m256i*>(memory + at + 32 * i)));
      }
    }
    asm volatile("" ::: "memory");
  }
  int32_t total = 0;
  for (const auto& sum : sums) total ^= _mm256_cvtsi256_si32(sum);
  sink_int = total;
}

__attribute__((target("avx512f"))) void change_avx512(char* memory, int64_t bytes, int64_t rounds) {
  const __m512i ones = _mm512_set1_epi64(-1);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 4
    for (int64_t at = 0; at + 64 <= bytes; at += 64) {
      _mm512_store_si512(memory + at, _mm512_xor_si512(_mm512_load_si512(memory + at), ones));
    }
    asm volatile("" ::: "memory");
  }
}

__attribute__((target("avx2"))) void change_avx2(char* memory, int64_t bytes, int64_t rounds) {
  const __m256i ones = _mm256_set1_epi64x(-1);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 4
    for (int64_t at = 0; at + 32 <= bytes; at += 32) {
      auto* here = reinterpret_cast<__m256i*>(memory + at);
      _mm256_store_si256(here, _mm256_xor_si256(_mm256_load_si256(here), ones));
    }
    asm volatile("" ::: "memory");
  }
}

bool has_avx512() { return __builtin_cpu_supports("avx512f") != 0; }
bool has_avx2() { return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0; }

#elif defined(__aarch64__)

void fma_neon(int64_t rounds) {
  float32x4_t sums[kChains];
  for (auto& sum : sums) sum = vdupq_n_f32(1.0F);
  const float32x4_t factor = vdupq_n_f32(0.999F), term = vdupq_n_f32(0.001F);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = vfmaq_f32(term, sum, factor);
  }
  float total = 0;
  for (const auto& sum : sums) total += vgetq_lane_f32(sum, 0);
  sink_float = total;
}

void root_neon(int64_t rounds) {
  float32x4_t values[8];
  const float32x4_t dividend = vdupq_n_f32(1.7F);
  for (auto& value : values) value = dividend;
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 8
    for (auto& value : values) value = vdivq_f32(dividend, vsqrtq_f32(value));
  }
  float total = 0;
  for (const auto& value : values) total += vgetq_lane_f32(value, 0);
  sink_float = total;
}

void read_neon(const char* memory, int64_t bytes, int64_t rounds) {
  uint8x16_t sums[8];
  for (auto& sum : sums) sum = vdupq_n_u8(0);
  for (int64_t round = 0; round < rounds; ++round) {
    for (int64_t at = 0; at + 128 <= bytes; at += 128) {
      for (int i = 0; i < 8; ++i) {
        sums[i] = veorq_u8(sums[i], vld1q_u8(reinterpret_cast<const uint8_t*>(memory + at + 16 * i)));
      }
    }
    asm volatile("" ::: "memory");
  }
  int32_t total = 0;
  for (const auto& sum : sums) total ^= vgetq_lane_u8(sum, 0);
  sink_int = total;
}

void change_neon(char* memory, int64_t bytes, int64_t rounds) {
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 4
    for (int64_t at = 0; at + 16 <= bytes; at += 16) {
      auto* here = reinterpret_cast<uint8_t*>(memory + at);
      vst1q_u8(here, vmvnq_u8(vld1q_u8(here)));
    }
    asm volatile("" ::: "memory");
  }
}

#endif

}  // namespace

// Each returns the work of one round, 0 where the processor has no such instruction. With rounds = 0 it only says so.
extern "C" {

// Fused multiply-adds of float32, counted as two operations each.
int64_t limit_fma(int64_t rounds) {
#if defined(__x86_64__)
  if (has_avx512()) return fma_avx512(rounds), 2 * 16 * kChains;
  if (has_avx2()) return fma_avx2(rounds), 2 * 8 * kChains;
#elif defined(__aarch64__)
  return fma_neon(rounds), 2 * 4 * kChains;
#endif
  return 0;
}

// Products of bytes with their sums, counted as two operations each.
int64_t limit_int8([[maybe_unused]] int64_t rounds) {
#if defined(__x86_64__)
  if (has_avx512() && __builtin_cpu_supports("avx512vnni") != 0) return dot_vnni(rounds), 2 * 64 * kChains;
#endif
  return 0;
}

// Square roots of float32, with one division each.
int64_t limit_root(int64_t rounds) {
#if defined(__x86_64__)
  if (has_avx512()) return root_avx512(rounds), 16 * 8;
  if (has_avx2()) return root_avx2(rounds), 8 * 8;
#elif defined(__aarch64__)
  return root_neon(rounds), 4 * 8;
#endif
  return 0;
}

// Bytes read from memory that begins on a cache line.
int64_t limit_read(const char* memory, int64_t bytes, int64_t rounds) {
#if defined(__x86_64__)
  if (has_avx512()) return read_avx512(memory, bytes, rounds), bytes / 512 * 512;
  if (has_avx2()) return read_avx2(memory, bytes, rounds), bytes / 256 * 256;
#elif defined(__aarch64__)
  return read_neon(memory, bytes, rounds), bytes / 128 * 128;
#endif
  return 0;
}

// Bytes read and bytes written, by a change in place.
int64_t limit_change(char* memory, int64_t bytes, int64_t rounds) {
#if defined(__x86_64__)
  if (has_avx512()) return change_avx512(memory, bytes, rounds), 2 * (bytes / 64 * 64);
  if (has_avx2()) return change_avx2(memory, bytes, rounds), 2 * (bytes / 32 * 32);
#elif defined(__aarch64__)
  return change_neon(memory, bytes, rounds), 2 * (bytes / 16 * 16);
#endif
  return 0;
}
}
