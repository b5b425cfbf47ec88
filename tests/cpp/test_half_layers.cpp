// Networks with weights of two bytes, through the door: the bits of a dense network with the widened weights, on every
// instruction set and with any number of threads. Products of bfloat16 pairs: the promise of equal bits is given up
// where the CPU has an instruction for them, and kept elsewhere; there they are near what they stand for.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "api/dispatch.h"
#include "check.h"
#include "core/cpu.h"
#include "sprat/sprat.h"

using namespace sprat;

namespace {

struct Shape {
  int64_t in_features, out_features;
  const char* activation;
  bool has_bias;
};

constexpr Shape kShapes[] = {{71, 150, "relu", true}, {150, 41, "tanh", false}, {41, 5, "identity", true}};

float upper_half(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits &= 0xffff0000;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// float32 numbers that bfloat16 has; in float16 they are multiples of 2^-10 below 1, which that has.
struct Network {
  std::vector<std::vector<float>> weights, biases;
  std::vector<std::vector<uint16_t>> halves;

  explicit Network(int32_t format) {
    std::mt19937 random(5);
    std::uniform_real_distribution<float> number(-1, 1);
    for (const Shape& shape : kShapes) {
      const auto size = static_cast<size_t>(shape.in_features * shape.out_features);
      std::vector<float>& weight = weights.emplace_back(size);
      std::vector<uint16_t>& half = halves.emplace_back(size);
      for (size_t i = 0; i < size; ++i) {
        uint32_t bits;
        if (format == SPRAT_WEIGHTS_BFLOAT16) {
          weight[i] = upper_half(number(random) / 8);
          std::memcpy(&bits, &weight[i], sizeof bits);
          half[i] = static_cast<uint16_t>(bits >> 16);
        } else {
          // 1.significand * 2^-4 in both.
          const uint32_t significand = random() & 1023, sign = random() & 1;
          half[i] = static_cast<uint16_t>(sign << 15 | (15 - 4) << 10 | significand);
          bits = sign << 31 | (127 - 4) << 23 | significand << 13;
          std::memcpy(&weight[i], &bits, sizeof bits);
        }
      }
      std::vector<float>& bias = biases.emplace_back(static_cast<size_t>(shape.out_features));
      for (float& b : bias) b = number(random);
    }
  }

  std::vector<float> run(int32_t format, int32_t input, const std::vector<float>& x, int64_t rows) {
    std::vector<sprat_packed_layer> layers;
    for (size_t l = 0; l < weights.size(); ++l) {
      sprat_packed_layer layer{};
      layer.size = sizeof layer;
      layer.in_features = kShapes[l].in_features;
      layer.out_features = kShapes[l].out_features;
      layer.weights = format;
      layer.input = input;
      layer.activation = sprat_activation_find(kShapes[l].activation);
      if (format == SPRAT_WEIGHTS_FLOAT32) layer.weight = weights[l].data();
      else layer.weight = halves[l].data();
      layer.bias = kShapes[l].has_bias ? biases[l].data() : nullptr;
      layers.push_back(layer);
    }
    sprat_predictor* predictor = nullptr;
    CHECK_EQ(sprat_predictor_create_packed(layers.data(), static_cast<int64_t>(layers.size()), &predictor), SPRAT_OK);
    std::vector<float> y(static_cast<size_t>(rows * layers.back().out_features));
    CHECK_EQ(sprat_predictor_run(predictor, x.data(), rows, y.data()), SPRAT_OK);
    sprat_predictor_destroy(predictor);
    return y;
  }
};

std::vector<float> inputs(int64_t rows) {
  std::mt19937 random(6);
  std::uniform_real_distribution<float> number(-1, 1);
  std::vector<float> x(static_cast<size_t>(rows * kShapes[0].in_features));
  for (float& value : x) value = number(random);
  return x;
}

using Outputs = std::vector<std::vector<float>>;  // of the first instruction set, in the order of the calls

void check_same(Outputs& first, size_t& call, const std::vector<float>& y) {
  if (first.size() <= call) first.push_back(y);
  CHECK(y == first[call++]);
}

void check_networks(const KernelTable& table, Outputs& first) {
  size_t call = 0;
  const bool has_products = table.bfloat16->multiply && cpu_features().avx512_bf16;
  for (const int32_t format : {SPRAT_WEIGHTS_FLOAT16, SPRAT_WEIGHTS_BFLOAT16}) {
    Network network(format);
    for (const int64_t rows : {1, 2, 3, 7, 8, 9, 16, 17, 40, 100, 500}) {
      const std::vector<float> x = inputs(rows), wide = network.run(SPRAT_WEIGHTS_FLOAT32, SPRAT_INPUT_FLOAT, x, rows);
      CHECK(network.run(format, SPRAT_INPUT_FLOAT, x, rows) == wide);
      check_same(first, call, wide);
      if (format != SPRAT_WEIGHTS_BFLOAT16) continue;
      const std::vector<float> y = network.run(format, SPRAT_INPUT_BFLOAT16, x, rows);
      float largest = 0;
      for (const float value : wide) largest = std::max(largest, std::fabs(value));
      // Each input is rounded to 8 bits of significand.
      for (size_t i = 0; i < y.size(); ++i) CHECK_NEAR(y[i], wide[i], 0.02 * largest);
      CHECK(y != wide);
      if (!has_products) check_same(first, call, y);
      if (has_products) ++call;
    }
  }
}

// Inputs and weights are integers that bfloat16 has, and sums that float has: exact, whatever the order.
void check_exact_products() {
  for (const int64_t k : {1, 2, 3, 31, 32, 33, 64, 65, 200}) {
    for (const int64_t n : {1, 10, 16, 17, 32, 33, 130}) {
      for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 20}) {
        std::mt19937 random(static_cast<unsigned>(k + n + rows));
        std::vector<float> x(static_cast<size_t>(rows * k)), wide(static_cast<size_t>(n * k)),
            y(static_cast<size_t>(rows * n));
        std::vector<uint16_t> weight(wide.size());
        for (float& value : x) value = static_cast<float>(random() % 31) - 15;
        for (size_t i = 0; i < wide.size(); ++i) {
          wide[i] = static_cast<float>(random() % 31) - 15;
          uint32_t bits;
          std::memcpy(&bits, &wide[i], sizeof bits);
          weight[i] = static_cast<uint16_t>(bits >> 16);
        }
        sprat_packed_layer layer{};
        layer.size = sizeof layer;
        layer.in_features = k;
        layer.out_features = n;
        layer.weights = SPRAT_WEIGHTS_BFLOAT16;
        layer.input = SPRAT_INPUT_BFLOAT16;
        layer.activation = sprat_activation_find("identity");
        layer.weight = weight.data();
        sprat_predictor* predictor = nullptr;
        CHECK_EQ(sprat_predictor_create_packed(&layer, 1, &predictor), SPRAT_OK);
        CHECK_EQ(sprat_predictor_run(predictor, x.data(), rows, y.data()), SPRAT_OK);
        sprat_predictor_destroy(predictor);
        for (int64_t row = 0; row < rows; ++row) {
          for (int64_t o = 0; o < n; ++o) {
            float sum = 0;
            for (int64_t i = 0; i < k; ++i)
              sum += x[static_cast<size_t>(row * k + i)] * wide[static_cast<size_t>(o * k + i)];
            CHECK_EQ(y[static_cast<size_t>(row * n + o)], sum);
          }
        }
      }
    }
  }
}

}  // namespace

int main() {
  Outputs first;
  for (int i = 0; i < isa_count(); ++i) {
    if (!isa_supported(isa_table(i))) continue;
    CHECK_EQ(sprat_set_isa(isa_table(i)->isa), SPRAT_OK);
    for (const int threads : {1, 2, 5}) {
      CHECK_EQ(sprat_set_num_threads(threads), SPRAT_OK);
      check_networks(*isa_table(i), first);
    }
    check_exact_products();
  }
  return check::report();
}
