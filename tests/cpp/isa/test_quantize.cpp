// Quantize, dequantize and ranges on this instruction set against the standard's text in plain double and float.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "api/dispatch.h"
#include "check.h"
#include "core/align.h"

#define SPRAT_STRING_(x) #x
#define SPRAT_STRING(x) SPRAT_STRING_(x)

using namespace sprat;

namespace {

constexpr int64_t kMargin = 70;  // canaries on both sides

template <class T>
T plain_code(T x, T scale, int zero, int low, int high) {
  if (x != x) return T(zero);
  const T code = std::nearbyint(x / scale) + T(zero);
  return code < T(low) ? T(low) : code > T(high) ? T(high) : code;
}

template <class T>
std::vector<T> numbers(int64_t n, std::mt19937& random) {
  std::vector<T> x(static_cast<size_t>(n));
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T special[] = {T(0), T(-0.0), inf, -inf, nan, T(1e30), T(-1e30), T(1e-40)};
  for (T& v : x) {
    const uint32_t kind = random() % 8;
    const T spread = T(static_cast<int>(random() % 4001) - 2000) / T(10);
    v = kind == 0 ? special[random() % 8] : kind < 4 ? std::floor(spread) + T(0.5) : spread;
  }
  return x;
}

template <class T, class Code>
void check_format(const QuantizeFormat& format, int real) {
  std::mt19937 random(3);
  const int low = format.min, high = format.max;
  struct Shape {
    int64_t outer, channels, inner;
  };
  std::vector<Shape> shapes = {{3, 5, 7}, {4, 1, 9}, {2, 33, 1}, {7, 16, 1}, {5, 3, 1}, {1, 4, 65}, {2, 3, 16}};
  for (int64_t n = 0; n <= 67; ++n) shapes.push_back({1, 1, n});
  for (int64_t n = 100; n <= 1500; n += 97) shapes.insert(shapes.end(), {{1, 1, n}, {1, 3, n}, {n, 5, 1}, {3, n, 3}});
  for (const Shape& shape : shapes) {
    const int64_t n = shape.outer * shape.channels * shape.inner;
    std::vector<T> scales(static_cast<size_t>(shape.channels));
    std::vector<Code> zeros(scales.size());
    for (T& s : scales) s = T(1 + random() % 1000) / T(500);
    for (Code& z : zeros) z = static_cast<Code>(low + static_cast<int>(random() % 256));
    const bool stream = random() % 2;  // as for large results
    const QuantizeView view{shape.channels, shape.inner, scales.data(), zeros.data(), low, high, stream};
    const std::vector<T> x = numbers<T>(n, random);
    const auto size = static_cast<size_t>(n + 2 * kMargin);
    std::vector<Code> codes(size, Code{77});
    std::vector<T> back(size, T(77)), fake(size, T(77));
    std::vector<uint8_t> inside(size, uint8_t{77});
    // In two ranges, as threads would take them.
    const int64_t cuts[] = {0, n / 3, n};
    for (int part = 0; part < 2; ++part) {
      const int64_t begin = cuts[part], end = cuts[part + 1];
      format.quantize[real](view, x.data(), codes.data() + kMargin, begin, end);
      format.dequantize[real](view, codes.data() + kMargin, back.data() + kMargin, begin, end);
      format.fake_quantize[real](view, x.data(), fake.data() + kMargin, inside.data() + kMargin, begin, end);
    }
    for (int64_t i = -kMargin; i < n + kMargin; ++i) {
      const auto at = static_cast<size_t>(i + kMargin);
      if (i < 0 || i >= n) {
        CHECK(codes[at] == Code{77} && back[at] == T(77) && fake[at] == T(77) && inside[at] == 77);
        continue;
      }
      const auto c = static_cast<size_t>(i / shape.inner % shape.channels);
      const T value = x[static_cast<size_t>(i)];
      const T code = plain_code(value, scales[c], zeros[c], low, high);
      CHECK_EQ(static_cast<int>(codes[at]), static_cast<int>(code));
      const T real_number = (code - T(zeros[c])) * scales[c];
      CHECK_SAME_BITS(back[at], real_number);
      CHECK_SAME_BITS(fake[at], real_number);
      const T unclamped = std::nearbyint(value / scales[c]) + T(zeros[c]);
      CHECK_EQ(static_cast<int>(inside[at]), unclamped >= T(low) && unclamped <= T(high) ? 1 : 0);
    }
  }
}

template <class T>
void check_ranges(const QuantizeKernels& kernels, int real) {
  std::mt19937 random(4);
  const T inf = std::numeric_limits<T>::infinity();
  for (int64_t channels : {1, 3, 8, 17, 33}) {
    for (int64_t inner : {1, 5, 16, 40}) {
      const int64_t outer = 4, n = outer * channels * inner;
      const std::vector<T> x = numbers<T>(n, random);
      std::vector<T> low(static_cast<size_t>(channels), inf), high(static_cast<size_t>(channels), -inf);
      int64_t non_finite = 0;
      T all_low = inf, all_high = -inf;
      for (int64_t i = 0; i < n; ++i) {
        const auto c = static_cast<size_t>(i / inner % channels);
        const T value = x[static_cast<size_t>(i)];
        if (!std::isfinite(value)) {
          ++non_finite;
          continue;
        }
        low[c] = std::fmin(low[c], value) + T(0);
        high[c] = std::fmax(high[c], value) + T(0);
        all_low = std::fmin(all_low, value) + T(0);
        all_high = std::fmax(all_high, value) + T(0);
      }
      std::vector<T> found_low(low.size()), found_high(low.size());
      CHECK_EQ(kernels.range_of_channels[real](x.data(), outer, channels, inner, 0, channels, found_low.data(),
                                               found_high.data()),
               non_finite);
      for (size_t c = 0; c < low.size(); ++c) {
        CHECK_SAME_BITS(found_low[c], low[c]);
        CHECK_SAME_BITS(found_high[c], high[c]);
      }
      T one_low = 0, one_high = 0;
      CHECK_EQ(kernels.range_of_elements[real](x.data(), 0, n, &one_low, &one_high), non_finite);
      CHECK_SAME_BITS(one_low, all_low);
      CHECK_SAME_BITS(one_high, all_high);
    }
  }
}

// A row of an int8 layer's input: its own range, and nothing of its neighbours'. What lies between rows, and in the
// room behind them, may be anything.
void check_rows(const LinearInt8Kernels& kernels) {
  std::mt19937 random(5);
  for (const int64_t k : {1, 3, 4, 15, 16, 17, 33, 100}) {
    const int64_t rows = 5, stride = int8_row_stride(k);
    const std::vector<float> x = numbers<float>(rows * k, random);
    const int64_t end = rows * stride + kCodesRoom;
    std::vector<uint8_t> q(static_cast<size_t>(end + kMargin), 77), alone(static_cast<size_t>(stride + kCodesRoom));
    std::vector<float> scales(static_cast<size_t>(rows));
    std::vector<int32_t> zeros(static_cast<size_t>(rows));
    kernels.quantize_dynamic(x.data(), rows, k, q.data(), scales.data(), zeros.data());
    for (int64_t r = 0; r < rows; ++r) {
      const auto row = static_cast<size_t>(r);
      float low = 0, high = 0, scale = 0;
      int32_t zero = 0;
      for (int64_t i = 0; i < k; ++i) {
        const float value = x[static_cast<size_t>(r * k + i)];
        if (!std::isfinite(value)) continue;
        low = std::fmin(low, value);
        high = std::fmax(high, value);
      }
      const float wanted = low == high ? 1.0f : std::fmax((high / 2 - low / 2) / 127.5f, 1.17549435e-38f);
      CHECK_SAME_BITS(scales[row], wanted);
      CHECK_EQ(zeros[row], static_cast<int>(plain_code<float>(-low, wanted, 0, 0, 255)));
      kernels.quantize_dynamic(x.data() + r * k, 1, k, alone.data(), &scale, &zero);
      CHECK(scale == scales[row] && zero == zeros[row]);
      CHECK(std::memcmp(alone.data(), q.data() + r * stride, static_cast<size_t>(k)) == 0);
      for (int64_t i = 0; i < k; ++i) {
        const int code = static_cast<int>(plain_code(x[static_cast<size_t>(r * k + i)], wanted, zeros[row], 0, 255));
        CHECK_EQ(static_cast<int>(q[static_cast<size_t>(r * stride + i)]), code);
      }
    }
    for (int64_t i = 0; i < kMargin; ++i) CHECK_EQ(static_cast<int>(q[static_cast<size_t>(end + i)]), 77);
  }
}

}  // namespace

int main() {
  const KernelTable* table = find_isa(SPRAT_STRING(SPRAT_ISA));
  if (!table || !isa_supported(table)) return 77;
  for (int32_t f = 0; f < table->quantize->num_formats; ++f) {
    const QuantizeFormat& format = table->quantize->formats[f];
    if (format.dtype == SPRAT_INT8) {
      check_format<float, int8_t>(format, SPRAT_FLOAT32);
      check_format<double, int8_t>(format, SPRAT_FLOAT64);
    } else {
      CHECK_EQ(static_cast<int>(format.dtype), static_cast<int>(SPRAT_UINT8));
      check_format<float, uint8_t>(format, SPRAT_FLOAT32);
      check_format<double, uint8_t>(format, SPRAT_FLOAT64);
    }
  }
  check_ranges<float>(*table->quantize, SPRAT_FLOAT32);
  check_ranges<double>(*table->quantize, SPRAT_FLOAT64);
  check_rows(*table->linear_int8);
  return check::report();
}
