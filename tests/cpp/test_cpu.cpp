// The detected features agree with what the operating system and the compiler's own detection say; aligned memory.
#include <cstdint>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <utility>

#include "check.h"
#include "core/align.h"
#include "core/cpu.h"

using namespace sprat;

namespace {

bool names_contain(const char* name) {
  return (" " + std::string(cpu_features().names) + " ").find(" " + std::string(name) + " ") != std::string::npos;
}

void test_names() {
  const CpuFeatures& f = cpu_features();
  CHECK(&f == &cpu_features());
#define CHECK_NAME(name) CHECK_EQ(names_contain(#name), f.name);
  SPRAT_CPU_FEATURES(CHECK_NAME)
#undef CHECK_NAME
  // The whole list fits.
  std::string all;
#define APPEND(name) all += #name " ";
  SPRAT_CPU_FEATURES(APPEND)
#undef APPEND
  CHECK(all.size() < sizeof f.names);
}

void test_implications() {
  const CpuFeatures& f = cpu_features();
#if defined(__x86_64__)
  CHECK(f.sse2);
#elif defined(__aarch64__)
  CHECK(f.neon);
#endif
  CHECK(!f.avx2 || f.avx);
  CHECK(!f.avx512_vnni || f.avx512f);
  CHECK(!f.avx512f || f.avx2);
  CHECK(!(f.sse2 && f.neon));
}

#if defined(__x86_64__)
void test_against_compiler() {
  const CpuFeatures& f = cpu_features();
  __builtin_cpu_init();
#define CHECK_SAME(field, name) CHECK_EQ(f.field, __builtin_cpu_supports(name) != 0)
  CHECK_SAME(sse2, "sse2");
  CHECK_SAME(ssse3, "ssse3");
  CHECK_SAME(sse41, "sse4.1");
  CHECK_SAME(sse42, "sse4.2");
  CHECK_SAME(popcnt, "popcnt");
  CHECK_SAME(avx, "avx");
  CHECK_SAME(fma, "fma");
  CHECK_SAME(bmi1, "bmi");
  CHECK_SAME(bmi2, "bmi2");
  CHECK_SAME(avx2, "avx2");
  CHECK_SAME(avx512f, "avx512f");
  CHECK_SAME(avx512bw, "avx512bw");
  CHECK_SAME(avx512dq, "avx512dq");
  CHECK_SAME(avx512vl, "avx512vl");
  CHECK_SAME(avx512cd, "avx512cd");
  CHECK_SAME(avx512_vbmi, "avx512vbmi");
  CHECK_SAME(avx512_vnni, "avx512vnni");
#undef CHECK_SAME
}
#endif

#if defined(__linux__)
// Every feature the kernel names in /proc/cpuinfo; not under emulators and valgrind, which show the host's file.
void test_against_kernel() {
  std::ifstream file("/proc/cpuinfo");
  std::string line, flags;
  while (std::getline(file, line) && flags.empty())
    if (line.starts_with("flags") || line.starts_with("Features")) flags = line.substr(line.find(':') + 1) + " ";
  if (flags.empty()) return;
  const CpuFeatures& f = cpu_features();
  const auto kernel_says = [&](const char* name) {
    return flags.find(" " + std::string(name) + " ") != std::string::npos;
  };
#if defined(__x86_64__)
  if (kernel_says("avx2") != f.avx2 || kernel_says("avx512f") != f.avx512f) return;
  CHECK_EQ(f.f16c, kernel_says("f16c"));
  CHECK_EQ(f.movbe, kernel_says("movbe"));
  CHECK_EQ(f.lzcnt, kernel_says("abm"));
  CHECK_EQ(f.avx_vnni, kernel_says("avx_vnni"));
  CHECK_EQ(f.avx512_bf16, kernel_says("avx512_bf16"));
  CHECK_EQ(f.avx512_fp16, kernel_says("avx512_fp16"));
  CHECK(f.model[0] != ' ');
#elif defined(__aarch64__)
  if (!kernel_says("asimd")) return;
  CHECK_EQ(f.neon_dotprod, kernel_says("asimddp"));
  CHECK_EQ(f.neon_fp16, kernel_says("asimdhp"));
  CHECK_EQ(f.sve, kernel_says("sve"));
  CHECK_EQ(f.neon_i8mm, kernel_says("i8mm"));
  CHECK_EQ(f.neon_bf16, kernel_says("bf16"));
#endif
}
#endif

void test_aligned_buffer() {
  AlignedBuffer<float> buffer;
  CHECK(buffer.empty() && !buffer);
  CHECK(buffer.allocate(0));
  CHECK(buffer.empty());
  for (const int64_t size : {1, 15, 16, 17, 1000}) {
    CHECK(buffer.allocate(size));
    CHECK_EQ(buffer.size(), size);
    CHECK(is_aligned(buffer.data(), kAlignment));
    buffer.fill_zero();
    buffer[size - 1] = 3;
    float sum = 0;
    for (const float value : buffer) sum += value;
    CHECK_EQ(sum, 3.0f);
  }
  const float* before = buffer.data();
  CHECK(buffer.reserve(10));
  CHECK(buffer.data() == before);
  CHECK_EQ(buffer.size(), 1000);
  AlignedBuffer<float> other = std::move(buffer);
  CHECK(other.data() == before);
  buffer = std::move(other);
  CHECK(buffer.data() == before);
  // More than there can be is refused, without an exception and without an overflow.
  for (const int64_t size :
       {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::max() / 4, int64_t{-1}}) {
    CHECK(!buffer.allocate(size));
    CHECK(buffer.empty() && !buffer);
  }
  CHECK(!is_aligned(reinterpret_cast<const char*>(&before) + 1, 2));
}

}  // namespace

int main() {
  test_names();
  test_implications();
#if defined(__x86_64__)
  test_against_compiler();
#endif
#if defined(__linux__)
  test_against_kernel();
#endif
  test_aligned_buffer();
  return check::report();
}
