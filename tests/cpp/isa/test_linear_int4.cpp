// Products with four-bit weights: the integers of each group are exact on this instruction set, and what becomes of
// them is what plain scalar code makes of them.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "api/dispatch.h"
#include "check.h"

#define SPRAT_STRING_(x) #x
#define SPRAT_STRING(x) SPRAT_STRING_(x)

using namespace sprat;

namespace {

constexpr float kCanary = 12345.0f;
constexpr uint8_t kCanaryByte = 0xa5;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <class T>
T& at(std::vector<T>& v, int64_t i) {
  return v[static_cast<size_t>(i)];
}
template <class T>
const T& at(const std::vector<T>& v, int64_t i) {
  return v[static_cast<size_t>(i)];
}
template <class T>
std::vector<T> filled(int64_t size, T value) {
  return std::vector<T>(static_cast<size_t>(size), value);
}

struct Problem {
  int64_t rows, k, n, group_size;
  int64_t stride = int8_row_stride(k), padded = round_up(n, kInt8Panel), groups = int4_groups(k, group_size);
  std::vector<uint8_t> x = filled<uint8_t>(rows * k, 0);        // (rows, k)
  std::vector<int8_t> w = filled<int8_t>(n * k, 0);             // (n, k), -8 to 7
  std::vector<float> scales = filled<float>(n * groups, 1.0f);  // (n, groups)
  std::vector<float> biases = filled<float>(padded, 0.0f);

  // The sum over groups in order, by fused multiply-add.
  float sum(int64_t row, int64_t column, int64_t zero_point) const {
    float total = 0;
    for (int64_t group = 0; group < groups; ++group) {
      int64_t exact = 0;
      for (int64_t i = group * group_size; i < k && i < (group + 1) * group_size; ++i) {
        exact += (at(x, row * k + i) - zero_point) * at(w, column * k + i);
      }
      total = std::fmaf(static_cast<float>(static_cast<int32_t>(exact)), at(scales, column * groups + group), total);
    }
    return total;
  }
  // As kernels read them; what lies beyond k is anything.
  std::vector<uint8_t> codes() const {
    std::vector<uint8_t> q = filled<uint8_t>(rows * stride + kCodesRoom, 77);
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(&at(q, r * stride), &at(x, r * k), static_cast<size_t>(k));
    }
    return q;
  }
  std::vector<uint8_t> pairs() const {
    const int64_t bytes = (k + 1) / 2;
    std::vector<uint8_t> stored = filled<uint8_t>(n * bytes, 0);
    for (int64_t i = 0; i < n * k; ++i) {
      at(stored, i / k * bytes + i % k / 2) |= static_cast<uint8_t>((at(w, i) & 15) << (i % k % 2 * 4));
    }
    return stored;
  }
};

float scaled(float sum, float scale, float bias) {
  const float product = sum * scale;
  return product + bias;
}

void check(const LinearInt4Kernels& kernels, const Problem& p, int32_t zero_point) {
  auto packed = filled<uint8_t>(int4_packed_size(p.k, p.n), 0xff);
  auto scales = filled<float>(p.padded * p.groups, 9);
  auto sums = filled<int32_t>(p.padded * p.groups, 9);
  kernels.pack(p.pairs().data(), p.scales.data(), p.k, p.n, p.group_size, packed.data(), scales.data(), sums.data());
  const LinearInt4 layer{p.k, p.n, p.group_size, packed.data(), scales.data(), sums.data()};
  const std::vector<uint8_t> q = p.codes();
  const float scale = 0.013f;
  auto y = filled<float>(p.rows * p.n + 16, kCanary);
  std::vector<float> expected;
  for (int64_t i = 0; i < p.rows * p.n; ++i) expected.push_back(p.sum(i / p.n, i % p.n, zero_point));

  for (const float floor : {0.0f, -kInfinity}) {
    kernels.multiply(layer, {true, zero_point, scale, p.biases.data(), floor}, {q.data(), nullptr, nullptr}, p.rows,
                     y.data());
    for (int64_t i = 0; i < p.rows * p.n; ++i) {
      const float real = scaled(at(expected, i), scale, at(p.biases, i % p.n));
      CHECK_SAME_BITS(at(y, i), floor > real ? floor : real);
    }
  }

  std::vector<float> row_scales;
  std::vector<int32_t> row_zero_points;
  for (int64_t r = 0; r < p.rows; ++r) {
    row_scales.push_back(0.01f * static_cast<float>(r + 1));
    row_zero_points.push_back(static_cast<int32_t>(r * 37 % 256));
  }
  kernels.multiply(layer, {false, 0, 0, p.biases.data(), -kInfinity},
                   {q.data(), row_scales.data(), row_zero_points.data()}, p.rows, y.data());
  for (int64_t i = 0; i < p.rows * p.n; ++i) {
    const int64_t r = i / p.n;
    CHECK_SAME_BITS(at(y, i),
                    scaled(p.sum(r, i % p.n, at(row_zero_points, r)), at(row_scales, r), at(p.biases, i % p.n)));
  }
  for (int64_t i = p.rows * p.n; i < p.rows * p.n + 16; ++i) CHECK_EQ(at(y, i), kCanary);

  const float next_scale = 0.21f, low = 17;
  auto code_biases = filled<float>(p.padded, 9);
  const float code_scale = kernels.to_codes(p.biases.data(), p.n, scale, next_scale, 17, code_biases.data());
  CHECK_SAME_BITS(code_scale, static_cast<float>(double{scale} / double{next_scale}));
  const int64_t out_stride = int8_row_stride(p.n);
  auto codes = filled<uint8_t>(p.rows * out_stride + 64, kCanaryByte);
  kernels.multiply_to_codes(layer, {true, zero_point, code_scale, code_biases.data(), low}, q.data(), p.rows,
                            codes.data());
  for (int64_t i = 0; i < p.rows * out_stride; ++i) {
    const int64_t r = i / out_stride, c = i % out_stride;
    if (c >= p.n) {
      CHECK_EQ(at(codes, i), 0);
      continue;
    }
    const float bias = static_cast<float>(double{at(p.biases, c)} / double{next_scale} + 17);
    const float real = scaled(at(expected, r * p.n + c), code_scale, bias);
    CHECK_EQ(at(codes, i), static_cast<int>(std::nearbyint(real < low ? low : real < 255 ? real : 255)));
  }
  for (int64_t i = p.rows * out_stride; i < p.rows * out_stride + 64; ++i) CHECK_EQ(at(codes, i), kCanaryByte);
}

void check_shapes(const LinearInt4Kernels& kernels) {
  std::mt19937 random(7);
  const int64_t ks[] = {1, 3, 4, 5, 8, 9, 31, 32, 33, 36, 64, 100, 129}, ns[] = {1, 4, 10, 15, 16, 17, 31, 32, 33};
  for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17}) {
    for (const int64_t k : ks) {
      for (const int64_t n : ns) {
        for (const int64_t group_size : {32, 64}) {
          Problem p{.rows = rows, .k = k, .n = n, .group_size = group_size};
          for (auto& v : p.x) v = static_cast<uint8_t>(random());
          for (auto& v : p.w) v = static_cast<int8_t>(static_cast<int>(random() % 16) - 8);
          for (auto& v : p.scales) v = 0.001f * static_cast<float>(1 + random() % 100);
          for (int64_t c = 0; c < n; ++c) at(p.biases, c) = 0.01f * static_cast<float>(random() % 100);
          check(kernels, p, random() % 2 ? 0 : static_cast<int32_t>(random() % 256));
        }
      }
    }
  }
}

// One group at the bound, every product at its extreme: sixteen times the sum just fits 32 bits.
void check_extremes(const LinearInt4Kernels& kernels) {
  for (const int w : {-8, 7}) {
    for (const int32_t zero_point : {0, 255}) {
      for (const int code : {0, 255}) {
        for (const int64_t rows : {1, 5}) {
          Problem p{.rows = rows, .k = kInt8MaxK, .n = 17, .group_size = round_up(kInt8MaxK, 32)};
          std::memset(p.x.data(), code, p.x.size());
          std::memset(p.w.data(), w, p.w.size());
          check(kernels, p, zero_point);
        }
      }
    }
  }
}

}  // namespace

int main() {
  const KernelTable* table = find_isa(SPRAT_STRING(SPRAT_ISA));
  if (!table || !isa_supported(table)) return 77;
  check_shapes(*table->linear_int4);
  check_extremes(*table->linear_int4);
  return check::report();
}
