// Digests of what the kernels on arrays give: optimizers, activations, losses, pruning, quantize, random numbers.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "fingerprint.h"
#include "sprat/sprat.h"

namespace check {

template <class T>
inline constexpr sprat_dtype kDtype = sizeof(T) == 4 ? SPRAT_FLOAT32 : SPRAT_FLOAT64;

inline constexpr int64_t kLength = 1003;  // whole registers of every width, and a tail

// 1 but for every fifth.
inline std::vector<uint8_t> some_mask(int64_t n) {
  std::vector<uint8_t> mask(static_cast<size_t>(n), 1);
  for (size_t i = 0; i < mask.size(); i += 5) mask[i] = 0;
  return mask;
}

// Three steps of every optimizer, with clipping, mask and moving average.
template <class T>
uint64_t digest_optimizers() {
  uint64_t hash = fingerprint(std::vector<T>{});
  for (int32_t optimizer = 0; optimizer < sprat_optimizer_count(); ++optimizer) {
    std::vector<T> param = spread<T>(kLength, 1), grad = spread<T>(kLength, 3), ema = param;
    std::vector<T> states[SPRAT_OPTIMIZER_MAX_STATES];
    const std::vector<uint8_t> mask = some_mask(kLength);
    sprat_optimizer_tensor tensor{sizeof tensor, kLength, param.data(), grad.data(), {}, mask.data(), ema.data()};
    for (int s = 0; s < SPRAT_OPTIMIZER_MAX_STATES; ++s) {
      states[s].assign(param.size(), T(0));
      tensor.states[s] = states[s].data();
    }
    sprat_optimizer_params params{};
    params = {sizeof params, 1, 0.01, 0.9, 0.99, 1e-8, 0.1, 0.8, 0.1, 0.95, 0.01, 0.004, 1, 0, 0, 1};
    sprat_optimizer_group group{sizeof group, optimizer, kDtype<T>, params, &tensor, 1};
    const sprat_optimizer_options options{sizeof options, 10, 0.5, 0.9, 0};
    for (int step = 0; step < 3; ++step) {
      double norm = 0;
      CHECK_EQ(sprat_optimizer_step(&group, 1, &options, &norm), SPRAT_OK);
      CHECK_EQ(sprat_optimizer_advance(optimizer, &group.params), SPRAT_OK);
      hash = fingerprint(std::vector<double>{norm}, hash);
      std::rotate(grad.begin(), grad.begin() + 1, grad.end());
    }
    hash = fingerprint(ema, fingerprint(param, hash));
    for (const auto& state : states) hash = fingerprint(state, hash);
  }
  return hash;
}

template <class T>
uint64_t digest_activations() {
  uint64_t hash = fingerprint(std::vector<T>{});
  for (int32_t activation = 0; activation < sprat_activation_count(); ++activation) {
    for (const double scale : {0.01, 3.0, 90.0}) {
      const std::vector<T> z = spread<T>(kLength, scale), grad_y = spread<T>(kLength, 1);
      std::vector<T> y(z.size()), grad_z(z.size());
      CHECK_EQ(sprat_activation_forward(activation, kDtype<T>, z.data(), y.data(), kLength), SPRAT_OK);
      CHECK_EQ(
          sprat_activation_backward(activation, kDtype<T>, z.data(), y.data(), grad_y.data(), grad_z.data(), kLength),
          SPRAT_OK);
      hash = fingerprint(grad_z, fingerprint(y, hash));
    }
  }
  return hash;
}

// Every loss against numbers, with a teacher and weights, and cross-entropy against classes; softmax and its logarithm.
template <class T>
uint64_t digest_losses() {
  constexpr int64_t rows = 130, columns = 11, n = rows * columns;
  const std::vector<T> output = spread<T>(n, 9), teacher = spread<T>(n, 8);
  std::vector<T> weight = spread<T>(rows, 1), numbers = spread<T>(n, 1), grad(output.size()), y(output.size());
  for (T& x : weight) x = x < 0 ? -x : x;
  for (T& x : numbers) x = x < 0 ? -x : x;
  std::vector<int64_t> ids;
  for (int64_t row = 0; row < rows; ++row) ids.push_back(row * 7 % columns);
  uint64_t hash = fingerprint(std::vector<T>{});
  for (int32_t loss = 0; loss < sprat_loss_count(); ++loss) {
    const sprat_loss_params params{sizeof params, loss, 0.1, 0.7, 3, 0.6, nullptr, nullptr};
    const bool classes = std::string(sprat_loss_name(loss)) == "cross_entropy";
    for (int kind = 0; kind < (classes ? 2 : 1); ++kind) {
      const void* target = kind ? static_cast<const void*>(ids.data()) : numbers.data();
      double value = 0;
      CHECK_EQ(sprat_loss(&params, kDtype<T>, output.data(), target, static_cast<sprat_target>(kind), teacher.data(),
                          weight.data(), rows, columns, grad.data(), &value),
               SPRAT_OK);
      hash = fingerprint(grad, fingerprint(std::vector<double>{value}, hash));
    }
  }
  CHECK_EQ(sprat_softmax(kDtype<T>, output.data(), y.data(), rows, columns), SPRAT_OK);
  CHECK_EQ(sprat_log_softmax(kDtype<T>, output.data(), grad.data(), rows, columns), SPRAT_OK);
  return fingerprint(y, fingerprint(grad, hash));
}

template <class T>
uint64_t digest_prune() {
  std::vector<T> x = spread<T>(kLength, 1), first = x, second = spread<T>(kLength / 2, 1);
  std::vector<uint8_t> mask(x.size()), first_mask(x.size());
  const sprat_prune_array array{sizeof array, kLength, x.data(), mask.data()};
  int64_t pruned = 0;
  CHECK_EQ(sprat_prune_threshold(kDtype<T>, &array, 0.4, &pruned), SPRAT_OK);
  const sprat_prune_array arrays[] = {{sizeof array, kLength, first.data(), first_mask.data()},
                                      {sizeof array, kLength / 2, second.data(), nullptr}};
  double threshold = 0;
  CHECK_EQ(sprat_prune_smallest(kDtype<T>, arrays, 2, kLength, &threshold), SPRAT_OK);
  const uint64_t hash = fingerprint(std::vector<double>{threshold, static_cast<double>(pruned)});
  return fingerprint(first_mask, fingerprint(second, fingerprint(first, fingerprint(mask, fingerprint(x, hash)))));
}

// Codes of I and back, and both at once, per tensor and per channel; scales of their ranges.
template <class T, class I>
uint64_t digest_quantize(sprat_dtype integer, int32_t low, int32_t high) {
  constexpr int64_t channels = 7, inner = 43, n = 2 * channels * inner;
  const std::vector<T> x = spread<T>(n, 6);
  std::vector<T> back(x.size()), fake(x.size()), scales, lows(channels), highs(channels), chosen(channels);
  std::vector<I> codes(x.size()), zero_points;
  std::vector<uint8_t> inside(x.size());
  std::vector<int32_t> points(channels);
  for (int64_t c = 0; c < channels; ++c) {
    scales.push_back(T(0.03) + T(0.004) * static_cast<T>(c));
    zero_points.push_back(static_cast<I>((low + high) / 2 + c));
  }
  uint64_t hash = fingerprint(std::vector<T>{});
  for (const bool per_channel : {false, true}) {
    const sprat_quantizer quantizer{sizeof quantizer,
                                    kDtype<T>,
                                    integer,
                                    low,
                                    high,
                                    per_channel ? 2 : 1,
                                    per_channel ? channels : 1,
                                    per_channel ? inner : n,
                                    scales.data(),
                                    zero_points.data()};
    CHECK_EQ(sprat_quantize(&quantizer, x.data(), codes.data()), SPRAT_OK);
    CHECK_EQ(sprat_dequantize(&quantizer, codes.data(), back.data()), SPRAT_OK);
    CHECK_EQ(sprat_fake_quantize(&quantizer, x.data(), fake.data(), inside.data()), SPRAT_OK);
    hash = fingerprint(inside, fingerprint(fake, fingerprint(back, fingerprint(codes, hash))));
  }
  CHECK_EQ(sprat_value_range(kDtype<T>, 2, channels, inner, x.data(), lows.data(), highs.data(), nullptr), SPRAT_OK);
  CHECK_EQ(
      sprat_choose_qparams(kDtype<T>, channels, lows.data(), highs.data(), low, high, 0, chosen.data(), points.data()),
      SPRAT_OK);
  return fingerprint(points, fingerprint(chosen, fingerprint(highs, fingerprint(lows, hash))));
}

template <class T>
uint64_t digest_random() {
  std::vector<T> x(kLength);
  std::vector<int64_t> order(kLength);
  CHECK_EQ(sprat_permutation(5, 3, kLength, order.data()), SPRAT_OK);
  uint64_t hash = fingerprint(order);
  CHECK_EQ(sprat_fill_uniform(kDtype<T>, 5, 3, -1, 2, kLength, x.data()), SPRAT_OK);
  hash = fingerprint(x, hash);
  CHECK_EQ(sprat_fill_normal(kDtype<T>, 5, 3, 1, 2, kLength, x.data()), SPRAT_OK);
  return fingerprint(x, hash);
}

using Digest = std::pair<std::string, uint64_t>;

inline void digest_arrays(std::vector<Digest>& out) {
  out.emplace_back("optimizers_float32", digest_optimizers<float>());
  out.emplace_back("optimizers_float64", digest_optimizers<double>());
  out.emplace_back("activations_float32", digest_activations<float>());
  out.emplace_back("activations_float64", digest_activations<double>());
  out.emplace_back("losses_float32", digest_losses<float>());
  out.emplace_back("losses_float64", digest_losses<double>());
  out.emplace_back("prune_float32", digest_prune<float>());
  out.emplace_back("prune_float64", digest_prune<double>());
  out.emplace_back("quantize_float32_int8", digest_quantize<float, int8_t>(SPRAT_INT8, -128, 127));
  out.emplace_back("quantize_float32_uint8", digest_quantize<float, uint8_t>(SPRAT_UINT8, 0, 255));
  out.emplace_back("quantize_float64_int8", digest_quantize<double, int8_t>(SPRAT_INT8, -127, 127));
  out.emplace_back("quantize_float64_uint8", digest_quantize<double, uint8_t>(SPRAT_UINT8, 0, 15));
  out.emplace_back("random_float32", digest_random<float>());
  out.emplace_back("random_float64", digest_random<double>());
}

}  // namespace check
