// Weights of two bytes are widened exactly, and products with them have the bits of the dense product with the widened
// weights: for every number there is, odd shapes, every number of rows.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "api/dispatch.h"
#include "check.h"
#include "core/align.h"
#include "simd/half.h"

#define SPRAT_STRING_(x) #x
#define SPRAT_STRING(x) SPRAT_STRING_(x)

using namespace sprat;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kCanary = 12345.0f;

// IEEE 754, written out.
float float16(uint16_t bits) {
  const int exponent = bits >> 10 & 31, significand = bits & 1023;
  const float sign = bits >> 15 ? -1.0f : 1.0f;
  if (exponent == 31) return significand ? std::nanf("") : sign * kInfinity;
  return sign * (exponent == 0 ? std::ldexp(static_cast<float>(significand), -24)
                               : std::ldexp(static_cast<float>(1024 + significand), exponent - 25));
}

float bfloat16(uint16_t bits) {
  const uint32_t whole = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &whole, sizeof value);
  return value;
}

void check_all_words() {
  using V = Vec<float>;
  for (uint32_t first = 0; first < 65536; first += kLanes<V>) {
    uint16_t words[kLanes<V>];
    for (uint32_t i = 0; i < kLanes<V>; ++i) words[i] = static_cast<uint16_t>(first + i);
    float a[kLanes<V>], b[kLanes<V>];
    load_float16(words).store(a);
    load_bfloat16(words).store(b);
    for (uint32_t i = 0; i < kLanes<V>; ++i) {
      CHECK_SAME_BITS(a[i], float16(words[i]));
      CHECK_SAME_BITS(b[i], bfloat16(words[i]));
    }
  }
}

// The neighbours of x and the distances to them: a rounding without its formula.
float nearest_bfloat16(float x) {
  if (std::isnan(x) || std::isinf(x)) return x;
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const float below = bfloat16(static_cast<uint16_t>(bits >> 16));  // towards zero
  const double above = 2.0 * bfloat16(static_cast<uint16_t>((bits >> 16) + 1)) / 2;
  const double next = std::isinf(above) ? std::copysign(0x1p128, x) : above;
  const double down = std::fabs(x - static_cast<double>(below)), up = std::fabs(next - x);
  if (down < up || (down == up && (bits >> 16 & 1) == 0)) return below;
  return static_cast<float>(above);
}

void check_rounding(const HalfKernels& kernels) {
  std::mt19937 random(3);
  std::vector<float> x = {
      0.0f,        -0.0f,       1.0f,      kInfinity, -kInfinity,  std::nanf(""), 0x1.fffffep127f, -0x1.fffffep127f,
      0x1.fep127f, 0x1.ffp127f, 0x1p-149f, 0x1p-134f, 0x1.8p-133f, 0x1p-126f};
  for (uint32_t upper = 0; upper < 65536; upper += 37) {
    for (const uint32_t lower : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      const uint32_t bits = upper << 16 | lower;
      x.emplace_back();
      std::memcpy(&x.back(), &bits, sizeof bits);
    }
  }
  for (const size_t n : {x.size(), size_t{1}, size_t{5}, size_t{17}}) {
    std::vector<float> rounded(n + 16, kCanary);
    kernels.round_bfloat16(x.data(), static_cast<int64_t>(n), rounded.data());
    for (size_t i = 0; i < n; ++i) CHECK_SAME_BITS(rounded[i], nearest_bfloat16(x[i]));
    for (size_t i = n; i < n + 16; ++i) CHECK_EQ(rounded[i], kCanary);
  }
}

// format: 0 float16, 1 bfloat16.
void check_product(const KernelTable& table, int format, int64_t rows, int64_t k, int64_t n) {
  std::mt19937 random(static_cast<unsigned>(1000 * rows + 100 * k + n));
  std::uniform_real_distribution<float> number(-1, 1);
  std::vector<float> x(static_cast<size_t>(rows * k)), bias(static_cast<size_t>(n));
  for (float& value : x) value = number(random);
  for (float& value : bias) value = number(random);
  std::vector<uint16_t> weight(static_cast<size_t>(n * k));
  for (uint16_t& w : weight) {
    do {
      w = static_cast<uint16_t>(random());
    } while (!(std::fabs(format ? bfloat16(w) : float16(w)) < 1e4f));
  }
  const HalfKernel& kernel = table.half->of[format];
  AlignedBuffer<uint16_t> packed;
  CHECK(packed.allocate(kernel.packed_size(k, n)));
  kernel.pack(weight.data(), k, n, packed.data());
  for (const bool with_bias : {false, true}) {
    const float floor = with_bias ? 0 : -kInfinity;
    std::vector<float> y(static_cast<size_t>(rows * n + 16), kCanary);
    kernel.multiply({k, n, packed.data(), with_bias ? bias.data() : nullptr}, x.data(), rows, floor, y.data());
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t o = 0; o < n; ++o) {
        float sum = 0;
        for (int64_t i = 0; i < k; ++i) {
          const uint16_t w = weight[static_cast<size_t>(o * k + i)];
          sum = std::fma(x[static_cast<size_t>(row * k + i)], format ? bfloat16(w) : float16(w), sum);
        }
        if (with_bias) sum += bias[static_cast<size_t>(o)];
        CHECK_SAME_BITS(y[static_cast<size_t>(row * n + o)], floor > sum ? floor : sum);
      }
    }
    for (size_t i = 0; i < 16; ++i) CHECK_EQ(y[static_cast<size_t>(rows * n) + i], kCanary);
  }
}

}  // namespace

int main() {
  const KernelTable* table = find_isa(SPRAT_STRING(SPRAT_ISA));
  if (!table || !isa_supported(table)) return 77;
  check_all_words();
  check_rounding(*table->half);
  for (const int format : {0, 1}) {
    for (const int64_t k : {1, 2, 3, 17, 64}) {
      for (const int64_t n : {1, 2, 8, 10, 16, 17, 31, 32, 33, 64, 65, 128, 130, 300}) {
        for (const int64_t rows : {1, 2, 3, 5}) check_product(*table, format, rows, k, n);
      }
    }
    for (int64_t rows = 1; rows <= 70; ++rows) check_product(*table, format, rows, 21, 37);
  }
  return check::report();
}
