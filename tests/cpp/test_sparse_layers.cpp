// Networks of sparse layers, through the door: the bits of a dense network with the same weights, on every instruction
// set and with any number of threads.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "api/dispatch.h"
#include "check.h"
#include "sprat/sprat.h"

using namespace sprat;

namespace {

struct Shape {
  int64_t in_features, out_features;
  const char* activation;
  bool has_bias;
};

constexpr Shape kShapes[] = {
    {70, 150, "relu", true}, {150, 41, "tanh", false}, {41, 33, "identity", true}, {33, 5, "identity", true}};

struct Network {
  std::vector<std::vector<float>> weights, biases;
  std::vector<sprat_packed_layer> layers;

  Network() {
    std::mt19937 random(5);
    std::uniform_real_distribution<float> number(-1, 1);
    for (const Shape& shape : kShapes) {
      std::vector<float>& weight =
          weights.emplace_back(static_cast<size_t>(shape.in_features * shape.out_features), 0.0f);
      for (float& w : weight) w = random() % 8 == 0 ? number(random) : 0.0f;
      std::vector<float>& bias = biases.emplace_back(static_cast<size_t>(shape.out_features));
      for (float& b : bias) b = number(random);
      sprat_packed_layer layer{};
      layer.size = sizeof layer;
      layer.in_features = shape.in_features;
      layer.out_features = shape.out_features;
      layer.activation = sprat_activation_find(shape.activation);
      layer.weight = weight.data();
      layer.bias = shape.has_bias ? bias.data() : nullptr;
      layer.input_scale = 1;
      layers.push_back(layer);
    }
  }

  std::vector<float> run(const std::vector<int32_t>& zeros, const std::vector<float>& x, int64_t rows) {
    for (size_t l = 0; l < layers.size(); ++l) layers[l].zeros = zeros[l % zeros.size()];
    sprat_predictor* predictor = nullptr;
    CHECK_EQ(sprat_predictor_create_packed(layers.data(), static_cast<int64_t>(layers.size()), &predictor), SPRAT_OK);
    std::vector<float> y(static_cast<size_t>(rows * layers.back().out_features));
    CHECK_EQ(sprat_predictor_run(predictor, x.data(), rows, y.data()), SPRAT_OK);
    sprat_predictor_destroy(predictor);
    return y;
  }
};

void check_networks(std::vector<std::vector<float>>& first) {
  Network network;
  std::mt19937 random(6);
  std::uniform_real_distribution<float> number(-1, 1);
  size_t problem = 0;
  for (const int64_t rows : {1, 2, 3, 7, 15, 16, 17, 40, 64, 100, 500}) {
    std::vector<float> x(static_cast<size_t>(rows * kShapes[0].in_features));
    for (float& value : x) value = number(random);
    const std::vector<float> dense = network.run({SPRAT_ZEROS_DENSE}, x, rows);
    if (first.size() <= problem) first.push_back(dense);
    CHECK(dense == first[problem++]);
    for (const std::vector<int32_t>& zeros : {std::vector<int32_t>{SPRAT_ZEROS_UNSTRUCTURED},
                                              {SPRAT_ZEROS_BLOCKS},
                                              {SPRAT_ZEROS_UNSTRUCTURED, SPRAT_ZEROS_BLOCKS},
                                              {SPRAT_ZEROS_BLOCKS, SPRAT_ZEROS_UNSTRUCTURED},
                                              {SPRAT_ZEROS_UNSTRUCTURED, SPRAT_ZEROS_DENSE},
                                              {SPRAT_ZEROS_DENSE, SPRAT_ZEROS_UNSTRUCTURED}}) {
      CHECK(network.run(zeros, x, rows) == dense);
    }
  }
}

}  // namespace

int main() {
  std::vector<std::vector<float>> first;
  for (int i = 0; i < isa_count(); ++i) {
    if (!isa_supported(isa_table(i))) continue;
    CHECK_EQ(sprat_set_isa(isa_table(i)->isa), SPRAT_OK);
    for (const int threads : {1, 2, 5}) {
      CHECK_EQ(sprat_set_num_threads(threads), SPRAT_OK);
      check_networks(first);
    }
  }
  return check::report();
}
