#include "core/cpu.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "core/publish_once.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace sprat {
namespace {

#if defined(__x86_64__) || defined(__i386__)

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

// All zero for a leaf the processor does not have.
Registers cpuid(unsigned leaf, unsigned subleaf = 0) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d) == 0) return {};
  return r;
}

bool bit(unsigned value, int index) { return (value >> index & 1) != 0; }

// Which register files the operating system saves (XCR0); wants the OSXSAVE flag.
uint64_t extended_control() {
  uint32_t low, high;
  __asm__ __volatile__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

// Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E.
void detect(CpuFeatures& f) {
  const Registers basic = cpuid(1), extended = cpuid(7, 0), extended1 = extended.a >= 1 ? cpuid(7, 1) : Registers{};
  const uint64_t saved = bit(basic.c, 27) ? extended_control() : 0;
  const bool ymm = (saved & 0x06) == 0x06;         // XMM and upper YMM halves
  const bool zmm = ymm && (saved & 0xE0) == 0xE0;  // mask registers, upper ZMM halves, ZMM16-31
  f.sse2 = bit(basic.d, 26);
  f.sse3 = bit(basic.c, 0);
  f.ssse3 = bit(basic.c, 9);
  f.sse41 = bit(basic.c, 19);
  f.sse42 = bit(basic.c, 20);
  f.movbe = bit(basic.c, 22);
  f.popcnt = bit(basic.c, 23);
  f.lzcnt = bit(cpuid(0x80000001).c, 5);
  f.bmi1 = bit(extended.b, 3);
  f.bmi2 = bit(extended.b, 8);
  f.avx = ymm && bit(basic.c, 28);
  f.f16c = f.avx && bit(basic.c, 29);
  f.fma = f.avx && bit(basic.c, 12);
  f.avx2 = f.avx && bit(extended.b, 5);
  f.avx_vnni = f.avx2 && bit(extended1.a, 4);
  f.avx512f = zmm && bit(extended.b, 16);
  f.avx512dq = f.avx512f && bit(extended.b, 17);
  f.avx512cd = f.avx512f && bit(extended.b, 28);
  f.avx512bw = f.avx512f && bit(extended.b, 30);
  f.avx512vl = f.avx512f && bit(extended.b, 31);
  f.avx512_vbmi = f.avx512f && bit(extended.c, 1);
  f.avx512_vnni = f.avx512f && bit(extended.c, 11);
  f.avx512_fp16 = f.avx512f && bit(extended.d, 23);
  f.avx512_bf16 = f.avx512f && bit(extended1.a, 5);

  if (cpuid(0x80000000).a < 0x80000004) return;
  char* text = f.model;
  for (unsigned leaf = 0x80000002; leaf <= 0x80000004; ++leaf, text += 16) {
    const Registers part = cpuid(leaf);
    std::memcpy(text, &part, 16);
  }
}

#elif defined(__aarch64__)

void detect(CpuFeatures& f) {
  f.neon = true;  // part of the base architecture
#if defined(__linux__)
  // Bits of the kernel's uapi/asm/hwcap.h, written out because older headers lack the newer names.
  const unsigned long hwcap = getauxval(AT_HWCAP), hwcap2 = getauxval(AT_HWCAP2);
  f.neon_fp16 = (hwcap >> 10 & 1) != 0;     // HWCAP_ASIMDHP
  f.neon_dotprod = (hwcap >> 20 & 1) != 0;  // HWCAP_ASIMDDP
  f.sve = (hwcap >> 22 & 1) != 0;           // HWCAP_SVE
  f.neon_i8mm = (hwcap2 >> 13 & 1) != 0;    // HWCAP2_I8MM
  f.neon_bf16 = (hwcap2 >> 14 & 1) != 0;    // HWCAP2_BF16
#elif defined(__APPLE__)
  f.neon_fp16 = f.neon_dotprod = true;  // every Apple processor that runs macOS
#endif
}

#else

void detect(CpuFeatures&) {}

#endif

// The brand string comes padded with spaces on both sides.
void trim(char* text) {
  const char* first = text + std::strspn(text, " ");
  size_t size = std::strlen(first);
  while (size > 0 && first[size - 1] == ' ') --size;
  std::memmove(text, first, size);
  text[size] = '\0';
}

CpuFeatures detect_all() {
  CpuFeatures f;
  detect(f);
  trim(f.model);
  size_t used = 0;
  const auto add = [&](bool present, const char* name) {
    if (!present || used >= sizeof f.names) return;
    used +=
        static_cast<size_t>(std::snprintf(f.names + used, sizeof f.names - used, "%s%s", used == 0 ? "" : " ", name));
  };
#define SPRAT_ADD(name) add(f.name, #name);
  SPRAT_CPU_FEATURES(SPRAT_ADD)
#undef SPRAT_ADD
  return f;
}

constinit PublishOnce<CpuFeatures> published_features;

}  // namespace

const CpuFeatures& cpu_features() { return published_features.get(detect_all); }

}  // namespace sprat
