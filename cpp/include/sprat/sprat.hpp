// sprat for C++17 and later, header only, over the C ABI of sprat.h: owners, spans, exceptions.
//
//   sprat::Predictor predictor(sprat::Model::load("model.safetensors"));
//   std::vector<float> x(predictor.in_features()), y(predictor.out_features());
//   predictor.run(x, y);                                // any number of threads may do so at once
//
// Arrays are anything with data() and size(): std::vector, std::array, std::span, sprat::Span. Their sizes are checked;
// what is refused throws sprat::Error and changes nothing. Owners can be moved, not copied.
#ifndef SPRAT_HPP
#define SPRAT_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "sprat/span.hpp"

namespace sprat {

// A layer, act(x weight^T + bias).
struct Layer {
  std::int64_t in_features, out_features;
  std::string activation = "identity";
  bool bias = true;
  double dropout = 0;
};

// The structure of a network; its parameters are an array of yours, weight, bias, weight, bias ... weight is (out, in).
class Mlp {
 public:
  explicit Mlp(const std::vector<Layer>& layers, sprat_dtype dtype = SPRAT_FLOAT32) {
    constexpr std::int64_t kMost = std::int64_t{1} << 44;  // parameters of a layer
    std::vector<sprat_layer> native;
    std::int64_t length = 0;
    for (const Layer& layer : layers) {
      const std::int32_t activation = sprat_activation_find(layer.activation.c_str());
      if (activation < 0) detail::refuse("activation: there is no '" + layer.activation + "'");
      if (layer.in_features < 1 || layer.out_features < 1 || layer.in_features > kMost / layer.out_features) {
        detail::refuse("layers: wanted sizes of at least 1 that fit memory, got " + std::to_string(layer.in_features) +
                       " -> " + std::to_string(layer.out_features));
      }
      const std::int64_t bias = length + layer.in_features * layer.out_features;
      native.push_back({sizeof(sprat_layer), layer.in_features, layer.out_features, length, bias, layer.dropout,
                        activation, layer.bias});
      length = bias + (layer.bias ? layer.out_features : 0);
    }
    sprat_mlp* made = nullptr;
    check(sprat_mlp_create(native.data(), static_cast<std::int64_t>(native.size()), length, dtype, &made));
    handle_.reset(made);
  }
  operator const sprat_mlp*() const noexcept { return handle_.get(); }

 private:
  std::unique_ptr<sprat_mlp, detail::Deleter<&sprat_mlp_destroy>> handle_;
};

inline std::size_t num_params(const sprat_mlp* mlp) { return static_cast<std::size_t>(sprat_mlp_num_params(mlp)); }
inline std::size_t in_features(const sprat_mlp* mlp) {
  return static_cast<std::size_t>(sprat_mlp_layer(mlp, 0)->in_features);
}
inline std::size_t out_features(const sprat_mlp* mlp) {
  return static_cast<std::size_t>(sprat_mlp_layer(mlp, sprat_mlp_num_layers(mlp) - 1)->out_features);
}

// A model file, proved and read. See sprat.h.
class Model {
 public:
  static Model load(const std::string& path) {
    sprat_model* made = nullptr;
    check(sprat_model_load_file(path.c_str(), &made));
    return Model(made);
  }
  // The bytes of such a file; they are not needed afterwards.
  static Model from_memory(const void* bytes, std::size_t size) {
    sprat_model* made = nullptr;
    check(sprat_model_load_memory(bytes, size, &made));
    return Model(made);
  }

  std::string kind() const { return sprat_model_kind(own()); }
  std::size_t in_features() const { return static_cast<std::size_t>(sprat_model_in_features(own())); }
  std::size_t out_features() const { return static_cast<std::size_t>(sprat_model_out_features(own())); }
  sprat_dtype dtype() const { return sprat_model_dtype(own()); }
  std::string config() const { return sprat_model_config(own()); }                             // JSON
  std::string loss() const { return sprat_model_loss(own()) ? sprat_model_loss(own()) : ""; }  // "": not said
  std::vector<std::string> class_names() const {
    std::vector<std::string> names;
    for (std::int64_t i = 0; i < sprat_model_num_classes(own()); ++i) names.push_back(sprat_model_class_name(own(), i));
    return names;
  }

  // For training, of the kind "mlp"; NULL and empty for others, as for what a model does not have.
  const sprat_mlp* mlp() const { return sprat_model_mlp(own()); }
  template <class T>
  Span<T> params() {
    if (!mlp()) return {};
    detail::want_dtype("params", dtype_of<T>, dtype());
    return {static_cast<T*>(sprat_model_params(own())), num_params(mlp())};
  }
  Span<const std::uint8_t> mask() const {
    const std::uint8_t* found = sprat_model_mask(own());
    return {found, found ? num_params(mlp()) : 0};
  }

  sprat_model* get() noexcept { return handle_.get(); }
  const sprat_model* get() const noexcept { return handle_.get(); }

 private:
  explicit Model(sprat_model* made) : handle_(made) {}
  sprat_model* own() const {
    if (!handle_) detail::refuse("model: it was moved from");
    return handle_.get();
  }
  std::unique_ptr<sprat_model, detail::Deleter<&sprat_model_destroy>> handle_;
};

// A frozen network. run() keeps no state, takes no lock, and after the first calls of a thread allocates nothing.
class Predictor {
 public:
  explicit Predictor(const Model& model) {
    sprat_predictor* made = nullptr;
    check(sprat_predictor_create_model(model.get(), &made));
    handle_.reset(made);
  }
  template <class Params>
  Predictor(const sprat_mlp* mlp, const Params& params) {
    detail::want_mlp(mlp);
    detail::want_dtype("params", dtype_of<detail::Number<const Params>>, sprat_mlp_dtype(mlp));
    detail::want_size("params", std::size(params), num_params(mlp));
    sprat_predictor* made = nullptr;
    check(sprat_predictor_create_mlp(mlp, std::data(params), &made));
    handle_.reset(made);
  }

  std::size_t in_features() const { return static_cast<std::size_t>(sprat_predictor_in_features(own())); }
  std::size_t out_features() const { return static_cast<std::size_t>(sprat_predictor_out_features(own())); }
  sprat_dtype dtype() const { return sprat_predictor_dtype(own()); }

  // y (rows, out_features) for x (rows, in_features), row after row.
  template <class X, class Y>
  void run(const X& x, Y&& y) const {
    const Span<const detail::Number<const X>> in(x);
    const Span<detail::Number<Y>> out(y);
    detail::want_dtype("x", dtype_of<detail::Number<const X>>, dtype());
    detail::want_dtype("y", dtype_of<detail::Number<Y>>, dtype());
    const std::size_t rows = in.size() / in_features();
    detail::want_size("x", in.size(), rows * in_features());
    detail::want_size("y", out.size(), rows * out_features());
    check(sprat_predictor_run(get(), in.data(), static_cast<std::int64_t>(rows), out.data()));
  }
  template <class X>
  std::vector<detail::Number<const X>> operator()(const X& x) const {
    std::vector<detail::Number<const X>> y(std::size(x) / in_features() * out_features());
    run(x, y);
    return y;
  }

  const sprat_predictor* get() const noexcept { return handle_.get(); }

 private:
  const sprat_predictor* own() const {
    if (!handle_) detail::refuse("predictor: it was moved from");
    return handle_.get();
  }
  std::unique_ptr<sprat_predictor, detail::Deleter<&sprat_predictor_destroy>> handle_;
};

// What a training pass keeps; one call at a time.
class Workspace {
 public:
  Workspace() {
    sprat_workspace* made = nullptr;
    check(sprat_workspace_create(&made));
    handle_.reset(made);
  }
  operator sprat_workspace*() const noexcept { return handle_.get(); }

 private:
  std::unique_ptr<sprat_workspace, detail::Deleter<&sprat_workspace_destroy>> handle_;
};

// The settings of a loss by its name: "cross_entropy", "bce_with_logits", "mse", "mae", "huber".
inline sprat_loss_params loss(const std::string& name) {
  sprat_loss_params params{};
  params.size = sizeof params;
  params.loss = sprat_loss_find(name.c_str());
  if (params.loss < 0) detail::refuse("loss: there is no '" + name + "'");
  params.delta = params.temperature = 1;
  return params;
}

// The mean loss of a batch and its gradients: x (rows, in_features); targets are (rows, out_features) numbers of the
// network, or (rows,) std::int64_t ids of classes. options: dropout, fake quantization; NULL: neither seed nor
// quantizers.
template <class Params, class X, class Target, class Gradients>
double loss_and_gradients(const sprat_mlp* mlp, const Params& params, const X& x, const Target& target,
                          const sprat_loss_params& loss, Workspace& workspace, Gradients&& gradients,
                          const sprat_mlp_options* options = nullptr) {
  using T = detail::Number<const Params>;
  constexpr bool classes = std::is_same_v<detail::Number<const Target>, std::int64_t>;
  static_assert(std::is_same_v<detail::Number<const X>, T> && std::is_same_v<detail::Number<Gradients>, T>);
  static_assert(classes || std::is_same_v<detail::Number<const Target>, T>);
  detail::want_mlp(mlp);
  const std::size_t rows = std::size(x) / in_features(mlp);
  detail::want_dtype("params", dtype_of<T>, sprat_mlp_dtype(mlp));
  detail::want_size("params", std::size(params), num_params(mlp));
  detail::want_size("x", std::size(x), rows * in_features(mlp));
  detail::want_size("target", std::size(target), classes ? rows : rows * out_features(mlp));
  detail::want_size("gradients", std::size(gradients), num_params(mlp));
  sprat_mlp_batch batch{};
  batch.size = sizeof batch;
  batch.rows = static_cast<std::int64_t>(rows);
  batch.x = std::data(x);
  batch.target = std::data(target);
  batch.target_kind = classes ? SPRAT_TARGET_CLASSES : SPRAT_TARGET_NUMBERS;
  sprat_mlp_gradients wanted{};
  wanted.size = sizeof wanted;
  wanted.params = std::data(gradients);
  double value = 0;
  check(sprat_mlp_loss_and_gradients(mlp, std::data(params), &batch, &loss, options, workspace, &wanted, &value));
  return value;
}

// An optimizer of one array by its name: "sgd", "adam", "adamw", "lion" ... It keeps the states.
template <class T>
class Optimizer {
 public:
  // Of the Adam family's usual hyper-parameters; params() changes them.
  Optimizer(const std::string& name, std::size_t length, double lr) : length_(length) {
    group_.size = sizeof group_;
    group_.optimizer = sprat_optimizer_find(name.c_str());
    if (group_.optimizer < 0) detail::refuse("optimizer: there is no '" + name + "'");
    group_.dtype = dtype_of<T>;
    sprat_optimizer_params& p = group_.params;
    p.size = sizeof p;
    p.step = 1;
    p.lr = lr;
    p.beta1 = 0.9, p.beta2 = 0.999, p.eps = 1e-8, p.alpha = 0.99, p.momentum_decay = 4e-3, p.mu_product = 1;
    for (std::int32_t i = 0; i < sprat_optimizer_num_states(group_.optimizer); ++i) states_.emplace_back(length);
    options_.size = sizeof options_;
  }

  sprat_optimizer_params& params() noexcept { return group_.params; }
  sprat_optimizer_options& options() noexcept { return options_; }  // clipping, what to do about NaN

  // One update in place; where the mask is 0 the parameter is held at zero.
  template <class Param, class Grad>
  void step(Param&& param, const Grad& grad, Span<const std::uint8_t> mask = {}) {
    static_assert(std::is_same_v<detail::Number<Param>, T> && std::is_same_v<detail::Number<const Grad>, T>);
    detail::want_size("param", std::size(param), length_);
    detail::want_size("grad", std::size(grad), length_);
    if (!mask.empty()) detail::want_size("mask", mask.size(), length_);
    sprat_optimizer_tensor tensor{};
    tensor.size = sizeof tensor;
    tensor.length = static_cast<std::int64_t>(length_);
    tensor.param = std::data(param);
    tensor.grad = std::data(grad);
    tensor.mask = detail::or_null(mask);
    for (std::size_t i = 0; i < states_.size(); ++i) tensor.states[i] = states_[i].data();
    group_.tensors = &tensor;
    group_.num_tensors = 1;
    check(sprat_optimizer_step(&group_, 1, &options_, nullptr));
    check(sprat_optimizer_advance(group_.optimizer, &group_.params));
  }

 private:
  std::size_t length_;
  sprat_optimizer_group group_{};
  sprat_optimizer_options options_{};
  std::vector<std::vector<T>> states_;
};

namespace detail {

template <class T, class Q>
sprat_quantizer quantizer(std::size_t length, const T* scale, const Q* zero_point) {
  sprat_quantizer made{};
  made.size = sizeof made;
  made.real = dtype_of<T>;
  made.integer = dtype_of<Q>;
  check(sprat_quant_limits(made.integer, &made.quant_min, &made.quant_max));
  made.outer = made.channels = 1;
  made.inner = static_cast<std::int64_t>(length);
  made.scales = scale;
  made.zero_points = zero_point;
  return made;
}

}  // namespace detail

// q = clamp(round_half_even(x / scale) + zero_point), of std::int8_t or std::uint8_t. By channels: see sprat_quantize.
template <class X, class Q>
void quantize(const X& x, detail::Number<const X> scale, detail::Number<Q> zero_point, Q&& q) {
  detail::want_size("q", std::size(q), std::size(x));
  const auto quantizer = detail::quantizer(std::size(x), &scale, &zero_point);
  check(sprat_quantize(&quantizer, std::data(x), std::data(q)));
}

// x = (q - zero_point) * scale.
template <class Q, class X>
void dequantize(const Q& q, detail::Number<X> scale, detail::Number<const Q> zero_point, X&& x) {
  detail::want_size("x", std::size(x), std::size(q));
  const auto quantizer = detail::quantizer(std::size(q), &scale, &zero_point);
  check(sprat_dequantize(&quantizer, std::data(q), std::data(x)));
}

namespace detail {

template <class X>
sprat_prune_array prune_array(X& x, Span<std::uint8_t> mask) {
  if (!mask.empty()) want_size("mask", mask.size(), std::size(x));
  return {sizeof(sprat_prune_array), static_cast<std::int64_t>(std::size(x)), std::data(x), or_null(mask)};
}

}  // namespace detail

// Sets to zero what is smaller than the threshold, and in the mask: 1 stays, 0 was pruned. How many are below.
template <class X>
std::int64_t prune_threshold(X&& x, double threshold, Span<std::uint8_t> mask = {}) {
  const sprat_prune_array array = detail::prune_array(x, mask);
  std::int64_t pruned = 0;
  check(sprat_prune_threshold(dtype_of<detail::Number<X>>, &array, threshold, &pruned));
  return pruned;
}

// Sets the `count` elements of smallest magnitude to zero. The largest magnitude among them.
template <class X>
double prune_smallest(X&& x, std::size_t count, Span<std::uint8_t> mask = {}) {
  const sprat_prune_array array = detail::prune_array(x, mask);
  double threshold = 0;
  check(sprat_prune_smallest(dtype_of<detail::Number<X>>, &array, 1, static_cast<std::int64_t>(count), &threshold));
  return threshold;
}

}  // namespace sprat

#endif
