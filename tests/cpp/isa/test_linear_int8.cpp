// The product of u8 activations and s8 weights is exact on this instruction set, to the last k that is allowed, and
// what becomes of the sums is what plain scalar code makes of them: real numbers and codes, all weights or those
// present.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "api/dispatch.h"
#include "check.h"
#include "core/align.h"
#include "simd/dot.h"

#define SPRAT_STRING_(x) #x
#define SPRAT_STRING(x) SPRAT_STRING_(x)

using namespace sprat;

namespace {

constexpr float kCanary = 12345.0f;
constexpr uint8_t kCanaryByte = 0xa5;

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
  int64_t rows, k, n, stride = int8_row_stride(k), padded = round_up(n, kInt8Panel);
  std::vector<uint8_t> x = filled<uint8_t>(rows * k, 0);  // (rows, k)
  std::vector<int8_t> w = filled<int8_t>(n * k, 0);       // (n, k)

  int64_t weight_sum(int64_t column) const {
    int64_t sum = 0;
    for (int64_t i = 0; i < k; ++i) sum += at(w, column * k + i);
    return sum;
  }
  std::vector<int32_t> exact() const {
    std::vector<int32_t> sums;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < n; ++column) {
        int64_t sum = 0;
        for (int64_t i = 0; i < k; ++i) sum += int64_t{at(x, row * k + i)} * at(w, column * k + i);
        CHECK(sum >= INT32_MIN && sum <= INT32_MAX);
        sums.push_back(static_cast<int32_t>(sum));
      }
    }
    return sums;
  }
  // As kernels read it; what lies beyond k is anything.
  std::vector<uint8_t> codes() const {
    std::vector<uint8_t> q = filled<uint8_t>(rows * stride, 77);
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(&at(q, r * stride), &at(x, r * k), static_cast<size_t>(k));
    }
    return q;
  }
};

// Weights of a problem as kernels read them.
struct Packed {
  LinearInt8 layer{};
  AlignedBuffer<int8_t> weight;
  std::vector<int32_t> sums;
  std::vector<int64_t> panel_begin;
  std::vector<uint16_t> present;

  Packed(const LinearInt8Kernels& kernels, const Problem& p, bool only_present) : sums(filled<int32_t>(p.padded, -1)) {
    layer = {p.k, p.n, nullptr, sums.data(), nullptr, nullptr};
    if (only_present) {
      panel_begin.resize(static_cast<size_t>(p.padded / kInt8Panel + 1));
      const int64_t fours = kernels.count_present(p.w.data(), p.k, p.n, panel_begin.data());
      CHECK(weight.allocate(fours * kInt8Panel * kInt8Four + 1));
      present.resize(static_cast<size_t>(fours));
      kernels.pack_present(p.w.data(), p.k, p.n, weight.data(), present.data(), sums.data());
      layer.panel_begin = panel_begin.data();
      layer.present = present.data();
    } else {
      CHECK(weight.allocate(int8_packed_size(p.k, p.n)));
      kernels.pack(p.w.data(), p.k, p.n, weight.data(), sums.data());
    }
    layer.weight = weight.data();
    for (int64_t c = 0; c < p.padded; ++c) CHECK_EQ(at(sums, c), c < p.n ? p.weight_sum(c) : 0);
  }
};

// The formulas of formulas/quantize/requantize.h once more.
float real_of(int64_t sum, float scale, float bias, float floor) {
  const float product = static_cast<float>(static_cast<int32_t>(sum)) * scale;
  const float y = product + bias;
  return floor > y ? floor : y;
}
int code_of(int64_t sum, float scale, float bias, float low) {
  const float y = real_of(sum, scale, bias, low);
  return static_cast<int>(std::nearbyint(y < 255.0f ? y : 255.0f));
}

void check_outputs(const LinearInt8Kernels& kernels, const Problem& p, bool only_present) {
  const Packed packed(kernels, p, only_present);
  const std::vector<int32_t> exact = p.exact();
  const std::vector<uint8_t> q = p.codes();
  std::mt19937 random(11);
  std::vector<float> weight_scales, biases;
  for (int64_t c = 0; c < p.n; ++c) {
    weight_scales.push_back(0.001f + 1e-6f * static_cast<float>(random() % 1000));
    biases.push_back(0.01f * static_cast<float>(static_cast<int>(random() % 200) - 100));
  }
  const float scale = 0.05f, next_scale = 0.3f;
  const int32_t zero_point = 3 + static_cast<int32_t>(random() % 250), next_zero_point = 40;
  auto start = filled<int32_t>(p.padded, 0);
  auto scales = filled<float>(p.padded, 9), offsets = filled<float>(p.padded, 9);
  kernels.start_sums(packed.sums.data(), p.n, zero_point, start.data());
  auto y = filled<float>(p.rows * p.n + 16, kCanary);
  const auto corrected = [&](int64_t r, int64_t c, int64_t zero) {
    return at(exact, r * p.n + c) - zero * p.weight_sum(c);
  };

  kernels.to_reals(weight_scales.data(), biases.data(), p.n, scale, scales.data(), offsets.data());
  for (const float floor : {0.0f, -std::numeric_limits<float>::infinity()}) {
    kernels.multiply(packed.layer, {start.data(), scales.data(), offsets.data(), floor}, {q.data(), nullptr, nullptr},
                     p.rows, y.data());
    for (int64_t i = 0; i < p.rows * p.n; ++i) {
      const int64_t c = i % p.n;
      CHECK_SAME_BITS(at(y, i),
                      real_of(corrected(i / p.n, c, zero_point), scale * at(weight_scales, c), at(biases, c), floor));
    }
  }

  std::vector<float> row_scales;
  std::vector<int32_t> row_zero_points;
  for (int64_t r = 0; r < p.rows; ++r) {
    row_scales.push_back(0.01f * static_cast<float>(r + 1));
    row_zero_points.push_back(static_cast<int32_t>(random() % 256));
  }
  kernels.to_reals(weight_scales.data(), nullptr, p.n, 1.0f, scales.data(), offsets.data());
  kernels.multiply(packed.layer, {nullptr, scales.data(), offsets.data(), 0.0f},
                   {q.data(), row_scales.data(), row_zero_points.data()}, p.rows, y.data());
  for (int64_t i = 0; i < p.rows * p.n; ++i) {
    const int64_t r = i / p.n, c = i % p.n;
    CHECK_SAME_BITS(at(y, i), real_of(corrected(r, c, at(row_zero_points, r)), at(row_scales, r) * at(weight_scales, c),
                                      0.0f, 0.0f));
  }
  for (int64_t i = p.rows * p.n; i < p.rows * p.n + 16; ++i) CHECK_EQ(at(y, i), kCanary);

  const int64_t out_stride = int8_row_stride(p.n);
  auto codes = filled<uint8_t>(p.rows * out_stride + 64, kCanaryByte);
  kernels.to_codes(weight_scales.data(), biases.data(), p.n, scale, next_scale, next_zero_point, scales.data(),
                   offsets.data());
  for (const int low : {0, next_zero_point}) {
    kernels.multiply_to_codes(packed.layer, {start.data(), scales.data(), offsets.data(), static_cast<float>(low)},
                              q.data(), p.rows, codes.data());
    for (int64_t i = 0; i < p.rows * out_stride; ++i) {
      const int64_t c = i % out_stride;
      if (c >= p.n) {
        CHECK_EQ(at(codes, i), 0);
        continue;
      }
      const double factor = double{scale} * at(weight_scales, c) / double{next_scale};
      const double offset = double{at(biases, c)} / double{next_scale} + next_zero_point;
      CHECK_EQ(at(codes, i), code_of(corrected(i / out_stride, c, zero_point), static_cast<float>(factor),
                                     static_cast<float>(offset), static_cast<float>(low)));
    }
  }
  for (int64_t i = p.rows * out_stride; i < p.rows * out_stride + 64; ++i) CHECK_EQ(at(codes, i), kCanaryByte);
}

// Sums as they are, and again begun at their negatives, or corrected by them: what is left must be exactly 0, however
// large they are.
void check_exact(const LinearInt8Kernels& kernels, const Problem& p, bool only_present) {
  const Packed packed(kernels, p, only_present);
  const std::vector<int32_t> exact = p.exact();
  const std::vector<uint8_t> q = p.codes();
  const auto ones = filled<float>(p.padded, 1), nothing = filled<float>(p.padded, 0);
  const auto row_scales = filled<float>(p.rows, 1);
  const float floor = -std::numeric_limits<float>::infinity();
  auto y = filled<float>(p.rows * p.n, kCanary);
  auto start = filled<int32_t>(p.padded, 0);
  kernels.start_sums(packed.sums.data(), p.n, 0, start.data());
  const Int8Epilogue epilogue{start.data(), ones.data(), nothing.data(), floor};
  const Int8Rows in{q.data(), row_scales.data(), nullptr};
  kernels.multiply(packed.layer, epilogue, in, p.rows, y.data());
  for (int64_t i = 0; i < p.rows * p.n; ++i) CHECK_SAME_BITS(at(y, i), static_cast<float>(at(exact, i)));

  for (int64_t c = 0; c < p.n; ++c) {  // wraps where the code bias asks for it
    at(start, c) = static_cast<int32_t>(static_cast<uint32_t>(at(start, c)) - static_cast<uint32_t>(at(exact, c)));
  }
  kernels.multiply(packed.layer, epilogue, in, 1, y.data());
  for (int64_t c = 0; c < p.n; ++c) CHECK_EQ(at(y, c), 0.0f);

  // Corrected by rows: with the code of a row of equal ones for its zero point nothing is left.
  const auto zero_points = filled<int32_t>(p.rows, at(p.x, 0));
  kernels.multiply(packed.layer, {nullptr, ones.data(), nothing.data(), floor},
                   {q.data(), row_scales.data(), zero_points.data()}, p.rows, y.data());
  for (int64_t i = 0; i < p.rows * p.n; ++i) {
    const int64_t corrected = at(exact, i) - int64_t{at(p.x, 0)} * p.weight_sum(i % p.n);
    CHECK_SAME_BITS(at(y, i), static_cast<float>(corrected));
  }
}

void check_shapes(const LinearInt8Kernels& kernels) {
  std::mt19937 random(7);
  const int64_t ks[] = {1, 3, 4, 5, 8, 15, 16, 17, 33, 64, 100}, ns[] = {1, 3, 7, 8, 10, 15, 16, 17, 31, 32, 33, 65};
  for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17}) {
    for (const int64_t k : ks) {
      for (const int64_t n : ns) {
        Problem p{.rows = rows, .k = k, .n = n};
        for (auto& v : p.x) v = static_cast<uint8_t>(random());
        for (auto& v : p.w) v = static_cast<int8_t>(random());
        check_outputs(kernels, p, false);
        for (int64_t i = 0; i < n * k; ++i) {  // blocks of 16 x 4: two of three are absent, in the last panel all
          const int64_t panel = i / k / kInt8Panel, four = i % k / kInt8Four;
          if ((panel + four) % 3 != 0 || (panel > 0 && panel == (n - 1) / kInt8Panel)) at(p.w, i) = 0;
        }
        check_outputs(kernels, p, true);
      }
    }
  }
}

// Every product at its extreme, all of one sign: the sums of pairs leave 16 bits, the last sum just fits 32.
void check_extremes(const LinearInt8Kernels& kernels) {
  for (const int64_t k : {int64_t{4}, int64_t{511}, int64_t{4096}, kInt8MaxK}) {
    for (const int w : {-128, 127}) {
      for (const int64_t rows : {1, 3}) {
        Problem p{.rows = rows, .k = k, .n = 17};
        std::memset(p.x.data(), 255, p.x.size());
        std::memset(p.w.data(), w, p.w.size());
        check_exact(kernels, p, false);
        check_exact(kernels, p, true);
      }
    }
  }
}

// Products that cancel, at the bound: partial sums are large, begin with a large correction, and end at 0.
void check_cancelling(const LinearInt8Kernels& kernels) {
  Problem p{.rows = 2, .k = kInt8MaxK, .n = 3};
  std::memset(p.x.data(), 255, p.x.size());
  for (int64_t i = 0; i < p.n * p.k; ++i) at(p.w, i) = i % p.k < p.k / 2 ? int8_t{127} : int8_t{-128};
  check_exact(kernels, p, false);
}

void check_quantize(const LinearInt8Kernels& kernels) {
  std::mt19937 random(3);
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const int64_t k : {1, 3, 4, 10, 15, 16, 17, 31, 33, 63, 64, 65, 130, 784}) {
    const int64_t rows = 5, stride = int8_row_stride(k);
    const float scale = 0.25f;
    const int32_t zero_point = 100;
    auto x = filled<float>(rows * k, 0);
    for (auto& v : x) v = 0.125f * static_cast<float>(static_cast<int>(random() % 700) - 350);  // half of them halves
    at(x, k / 2) = nan;
    at(x, k - 1) = inf;
    at(x, 2 * k) = -inf;
    auto q = filled<uint8_t>(rows * stride + kCodesRoom + 1, kCanaryByte);
    const auto expect = [&](int64_t row, float by, int32_t zero) {
      for (int64_t i = 0; i < k; ++i) {
        const float v = at(x, row * k + i), code = std::nearbyint(v / by) + static_cast<float>(zero);
        const float limited = std::isnan(v) ? static_cast<float>(zero) : std::fmin(std::fmax(code, 0.0f), 255.0f);
        CHECK_EQ(at(q, row * stride + i), static_cast<int>(limited));
      }
    };
    kernels.quantize_static(x.data(), rows, k, scale, zero_point, q.data());
    for (int64_t r = 0; r < rows; ++r) expect(r, scale, zero_point);
    CHECK_EQ(q.back(), kCanaryByte);

    auto scales = filled<float>(rows, 0);
    auto zero_points = filled<int32_t>(rows, 0);
    kernels.quantize_dynamic(x.data(), rows, k, q.data(), scales.data(), zero_points.data());
    for (int64_t r = 0; r < rows; ++r) {
      float low = 0, high = 0;
      for (int64_t i = 0; i < k; ++i) {
        const float v = at(x, r * k + i);
        if (!std::isfinite(v)) continue;
        low = std::fmin(low, v);
        high = std::fmax(high, v);
      }
      CHECK_SAME_BITS(at(scales, r), low == high ? 1.0f : (high / 2 - low / 2) / 127.5f);
      CHECK_EQ(at(zero_points, r), static_cast<int>(std::nearbyint(0 - low / at(scales, r))));
      expect(r, at(scales, r), at(zero_points, r));
    }
    CHECK_EQ(q.back(), kCanaryByte);
  }
}

void check_dot() {
  using I = Vec<int32_t>;
  uint8_t x[4 * kLanes<I>];
  int8_t w[4 * kLanes<I>];
  for (int a = 0; a < 256; a += 3) {
    for (int b = -128; b < 128; b += 5) {
      for (int i = 0; i < 4 * kLanes<I>; ++i) {
        x[i] = static_cast<uint8_t>(a + i % 4);
        w[i] = static_cast<int8_t>(b + i % 7);
      }
      const I sum = dot(I(1000), broadcast_four(x), load_fours(w));
      for (int lane = 0; lane < kLanes<I>; ++lane) {
        int expected = 1000;
        for (int i = 0; i < 4; ++i) expected += (x[i] - kCodeBias) * w[4 * lane + i];
        CHECK_EQ(sum[lane], expected);
      }
    }
  }
}

}  // namespace

int main() {
  const KernelTable* table = find_isa(SPRAT_STRING(SPRAT_ISA));
  if (!table || !isa_supported(table)) return 77;
  check_dot();
  check_quantize(*table->linear_int8);
  check_shapes(*table->linear_int8);
  check_extremes(*table->linear_int8);
  check_cancelling(*table->linear_int8);
  return check::report();
}
