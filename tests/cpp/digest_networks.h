// Digests of what networks give: passes forward and back, training, predictors of every format.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "check.h"
#include "digest_arrays.h"
#include "fingerprint.h"
#include "sprat/sprat.h"

namespace check {

inline constexpr int64_t kIn = 23, kHidden = 70, kOut = 11;
inline constexpr int64_t kBatchRows = 530;  // more than one block of the sums over rows

// 23-70-70-11 with dropout behind the first layer.
template <class T>
struct Network {
  std::vector<T> params;
  sprat_mlp* mlp = nullptr;
  sprat_workspace* workspace = nullptr;

  explicit Network(const char* activation) {
    int64_t used = 0;
    std::vector<sprat_layer> layers;
    const int64_t sizes[] = {kIn, kHidden, kHidden, kOut};
    for (int l = 0; l < 3; ++l) {
      const int64_t weights = sizes[l] * sizes[l + 1];
      layers.push_back({sizeof(sprat_layer), sizes[l], sizes[l + 1], used, used + weights, l == 0 ? 0.25 : 0.0,
                        sprat_activation_find(l == 2 ? "identity" : activation), 1});
      used += weights + sizes[l + 1];
    }
    params = spread<T>(used, 0.3);
    CHECK_EQ(sprat_mlp_create(layers.data(), 3, used, kDtype<T>, &mlp), SPRAT_OK);
    CHECK_EQ(sprat_workspace_create(&workspace), SPRAT_OK);
  }
  ~Network() {
    sprat_mlp_destroy(mlp);
    sprat_workspace_destroy(workspace);
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
};

inline std::vector<int64_t> class_ids(int64_t rows) {
  std::vector<int64_t> ids;
  for (int64_t row = 0; row < rows; ++row) ids.push_back(row * 7 % kOut);
  return ids;
}

inline sprat_loss_params cross_entropy() {
  return {sizeof(sprat_loss_params), sprat_loss_find("cross_entropy"), 0, 1, 1, 0, nullptr, nullptr};
}

// Outputs, loss and all gradients, with dropout, for every activation.
template <class T>
uint64_t digest_passes() {
  const std::vector<T> x = spread<T>(kBatchRows * kIn, 2);
  const std::vector<int64_t> ids = class_ids(kBatchRows);
  const sprat_loss_params loss = cross_entropy();
  uint64_t hash = fingerprint(std::vector<T>{});
  for (int32_t activation = 0; activation < sprat_activation_count(); ++activation) {
    const Network<T> network(sprat_activation_name(activation));
    const int64_t rows = activation == 0 ? kBatchRows : 37;
    std::vector<T> out(static_cast<size_t>(rows * kOut)), grads(network.params.size());
    std::vector<T> grad_x(static_cast<size_t>(rows * kIn));
    const sprat_mlp_gradients gradients{sizeof gradients, grads.data(), grad_x.data(), nullptr, nullptr};
    const sprat_mlp_options options{sizeof options, 9, 4, 0, nullptr, 0};
    const sprat_mlp_batch batch{sizeof batch, rows, x.data(), ids.data(), SPRAT_TARGET_CLASSES, nullptr, nullptr};
    double value = 0;
    CHECK_EQ(sprat_mlp_forward(network.mlp, network.params.data(), x.data(), rows, 2, nullptr, out.data()), SPRAT_OK);
    CHECK_EQ(sprat_mlp_loss_and_gradients(network.mlp, network.params.data(), &batch, &loss, &options,
                                          network.workspace, &gradients, &value),
             SPRAT_OK);
    hash = fingerprint(out, fingerprint(std::vector<double>{value}, hash));
    hash = fingerprint(grad_x, fingerprint(grads, hash));
  }
  return hash;
}

// Five steps of Adam with clipping on batches of 64 rows, the last one shorter.
template <class T>
uint64_t digest_training() {
  constexpr int64_t rows = 300, batches = 5;
  Network<T> network("relu");
  const std::vector<T> x = spread<T>(rows * kIn, 2);
  const std::vector<int64_t> ids = class_ids(rows);
  const sprat_loss_params loss = cross_entropy();
  std::vector<T> grads(network.params.size()), first(grads.size()), second(grads.size());
  std::vector<int64_t> order(rows);
  CHECK_EQ(sprat_permutation(1, 2, rows, order.data()), SPRAT_OK);
  const sprat_mlp_gradients gradients{sizeof gradients, grads.data(), nullptr, nullptr, nullptr};
  const auto length = static_cast<int64_t>(grads.size());
  const sprat_optimizer_tensor tensor{
      sizeof tensor, length, network.params.data(), grads.data(), {first.data(), second.data(), nullptr},
      nullptr,       nullptr};
  sprat_optimizer_params params{};
  params = {sizeof params, 1, 0.01, 0.9, 0.99, 1e-8, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
  sprat_optimizer_group group{sizeof group, sprat_optimizer_find("adam"), kDtype<T>, params, &tensor, 1};
  const sprat_optimizer_options optimizer{sizeof optimizer, 0.5, 0, 0, 0};
  const sprat_mlp_options options{sizeof options, 9, 1, 0, nullptr, 0};
  std::vector<double> losses(batches);
  const sprat_training training{sizeof training,
                                network.mlp,
                                network.params.data(),
                                network.workspace,
                                &loss,
                                &gradients,
                                &group,
                                1,
                                &optimizer,
                                0};
  const sprat_training_data data{sizeof data,          rows,    x.data(), kDtype<T>, ids.data(),
                                 SPRAT_TARGET_CLASSES, nullptr, nullptr,  nullptr};
  const sprat_stretch stretch{sizeof stretch, order.data(), rows, 64, 0, batches, &options, nullptr, 0, losses.data()};
  sprat_stretch_result result{};
  result.size = sizeof result;
  CHECK_EQ(sprat_train(&training, &data, &stretch, &result), SPRAT_OK);
  CHECK_EQ(result.steps, batches);
  return fingerprint(losses, fingerprint(second, fingerprint(first, fingerprint(network.params))));
}

// Outputs for few and many rows.
template <class T>
uint64_t digest_of(sprat_predictor* predictor) {
  uint64_t hash = fingerprint(std::vector<T>{});
  for (const int64_t rows : {1, 2, 7, 16, 65}) {
    const std::vector<T> x = spread<T>(rows * kIn, 2);
    std::vector<T> out(static_cast<size_t>(rows * kOut));
    CHECK_EQ(sprat_predictor_run(predictor, x.data(), rows, out.data()), SPRAT_OK);
    hash = fingerprint(out, hash);
  }
  sprat_predictor_destroy(predictor);
  return hash;
}

template <class T>
uint64_t digest_predictor() {
  const Network<T> network("gelu");
  sprat_predictor* predictor = nullptr;
  CHECK_EQ(sprat_predictor_create_mlp(network.mlp, network.params.data(), &predictor), SPRAT_OK);
  return digest_of<T>(predictor);
}

// Two layers of one format: relu between, so that codes of integers may stay codes. `bytes` hold each weight as the
// format wants it.
inline uint64_t digest_packed(sprat_weights weights, sprat_zeros zeros, sprat_input input) {
  const bool integer = weights == SPRAT_WEIGHTS_INT8 || weights == SPRAT_WEIGHTS_INT4;
  const int64_t sizes[] = {kIn, kHidden, kOut};
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<std::vector<float>> biases, scales;
  std::vector<sprat_packed_layer> layers;
  for (size_t l = 0; l < 2; ++l) {
    const int64_t in = sizes[l], out = sizes[l + 1];
    const int64_t row = weights == SPRAT_WEIGHTS_FLOAT32 ? in * 4
                        : weights == SPRAT_WEIGHTS_INT8  ? in
                        : weights == SPRAT_WEIGHTS_INT4  ? (in + 1) / 2
                                                         : in * 2;
    std::vector<uint8_t>& weight = bytes.emplace_back(static_cast<size_t>(row * out));
    const std::vector<float> numbers = spread<float>(out * in, 0.3);
    uint32_t random = 12345;
    for (int64_t i = 0; i < out * in; ++i) {
      random = random * 1664525 + 1013904223;
      // Where zeros are left out, three blocks of four are zero: 16 outputs by 4 inputs.
      const bool gone = zeros != SPRAT_ZEROS_DENSE && (i / in / 16 + i % in / 4) % 4 != 0;
      const float number = gone ? 0.0f : numbers[static_cast<size_t>(i)];
      // Sign, two exponents, ten or seven bits: float16 in [1/8, 1/2), bfloat16 likewise.
      const auto half = static_cast<uint16_t>(weights == SPRAT_WEIGHTS_FLOAT16 ? 0x3000 | (random >> 16 & 0x87ff)
                                                                               : 0x3e00 | (random >> 16 & 0x80ff));
      if (weights == SPRAT_WEIGHTS_FLOAT32) std::memcpy(&weight[static_cast<size_t>(i) * 4], &number, 4);
      else if (!integer) std::memcpy(&weight[static_cast<size_t>(i) * 2], &half, 2);
      else if (weights == SPRAT_WEIGHTS_INT8)
        weight[static_cast<size_t>(i)] = gone ? 0 : static_cast<uint8_t>(random >> 24);
    }
    if (weights == SPRAT_WEIGHTS_INT4) {
      for (uint8_t& byte : weight) byte = static_cast<uint8_t>((random = random * 1664525 + 1013904223) >> 24);
      for (int64_t n = 0; in % 2 && n < out; ++n) weight[static_cast<size_t>((n + 1) * row - 1)] &= 0x0f;
    }
    const int64_t groups = weights == SPRAT_WEIGHTS_INT4 ? (in + 31) / 32 : 1;
    scales.push_back(spread<float>(out * groups, 0.002));
    for (float& scale : scales.back()) scale = (scale < 0 ? -scale : scale) + 0.001f;
    biases.push_back(spread<float>(out, 0.5));
    sprat_packed_layer layer{};
    layer.size = sizeof layer;
    layer.in_features = in;
    layer.out_features = out;
    layer.weights = weights;
    layer.zeros = zeros;
    layer.input = input;
    layer.activation = sprat_activation_find(l == 0 ? "relu" : "identity");
    layer.weight = weight.data();
    layer.weight_scales = integer ? scales.back().data() : nullptr;
    layer.group_size = weights == SPRAT_WEIGHTS_INT4 ? 32 : 0;
    layer.bias = biases.back().data();
    layer.input_scale = l == 0 ? 0.017f : 0.05f;
    layer.input_zero_point = l == 0 ? 119 : 0;
    layers.push_back(layer);
  }
  sprat_predictor* predictor = nullptr;
  CHECK_EQ(sprat_predictor_create_packed(layers.data(), 2, &predictor), SPRAT_OK);
  return digest_of<float>(predictor);
}

inline void digest_networks(std::vector<Digest>& out) {
  out.emplace_back("passes_float32", digest_passes<float>());
  out.emplace_back("passes_float64", digest_passes<double>());
  out.emplace_back("training_float32", digest_training<float>());
  out.emplace_back("training_float64", digest_training<double>());
  out.emplace_back("predictor_float32", digest_predictor<float>());
  out.emplace_back("predictor_float64", digest_predictor<double>());
  const auto packed = [&](const char* name, sprat_weights weights, sprat_zeros zeros, sprat_input input) {
    out.emplace_back(name, digest_packed(weights, zeros, input));
  };
  packed("packed_float32", SPRAT_WEIGHTS_FLOAT32, SPRAT_ZEROS_DENSE, SPRAT_INPUT_FLOAT);
  packed("packed_unstructured", SPRAT_WEIGHTS_FLOAT32, SPRAT_ZEROS_UNSTRUCTURED, SPRAT_INPUT_FLOAT);
  packed("packed_blocks", SPRAT_WEIGHTS_FLOAT32, SPRAT_ZEROS_BLOCKS, SPRAT_INPUT_FLOAT);
  packed("packed_float16", SPRAT_WEIGHTS_FLOAT16, SPRAT_ZEROS_DENSE, SPRAT_INPUT_FLOAT);
  packed("packed_bfloat16", SPRAT_WEIGHTS_BFLOAT16, SPRAT_ZEROS_DENSE, SPRAT_INPUT_FLOAT);
  packed("packed_int8_static", SPRAT_WEIGHTS_INT8, SPRAT_ZEROS_DENSE, SPRAT_INPUT_STATIC);
  packed("packed_int8_dynamic", SPRAT_WEIGHTS_INT8, SPRAT_ZEROS_DENSE, SPRAT_INPUT_DYNAMIC);
  packed("packed_int8_blocks", SPRAT_WEIGHTS_INT8, SPRAT_ZEROS_BLOCKS, SPRAT_INPUT_STATIC);
  packed("packed_int4_static", SPRAT_WEIGHTS_INT4, SPRAT_ZEROS_DENSE, SPRAT_INPUT_STATIC);
  packed("packed_int4_dynamic", SPRAT_WEIGHTS_INT4, SPRAT_ZEROS_DENSE, SPRAT_INPUT_DYNAMIC);
}

}  // namespace check
