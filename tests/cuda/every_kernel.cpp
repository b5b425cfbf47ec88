// Runs every kernel once or twice on small arrays: what the sanitizers watch. Nothing is compared here.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cuda/sprat_cuda.h"

namespace {

constexpr int64_t kLength = 2048 + 3;  // more than a block of float32, with a rest

void want(sprat_status status) {
  if (status == SPRAT_OK) return;
  std::fprintf(stderr, "%s\n", sprat_cuda_last_error());
  std::exit(1);
}

int64_t item_size(sprat_dtype dtype) { return dtype == SPRAT_FLOAT64 ? 8 : dtype == SPRAT_FLOAT32 ? 4 : 1; }

// Device arrays, each exactly as long as asked for.
class Memory {
 public:
  explicit Memory(sprat_dtype dtype) : dtype_(dtype) {}
  ~Memory() {
    for (void* memory : all_) want(sprat_cuda_free(memory, nullptr));
  }
  void* bytes(int64_t n, uint8_t byte, int64_t offset = 0) {
    void* memory = nullptr;
    want(sprat_cuda_malloc(n + offset, &memory, nullptr));
    want(sprat_cuda_fill(memory, byte, n + offset, nullptr));
    all_.push_back(memory);
    return static_cast<char*>(memory) + offset;
  }
  uint8_t* mask(int64_t n, int64_t offset = 0) { return static_cast<uint8_t*>(bytes(n, 1, offset)); }
  void* zeros(int64_t n, int64_t offset = 0) { return bytes(n * item_size(dtype_), 0, offset * item_size(dtype_)); }
  // Every byte 0x3c is a small number in each type of reals.
  void* numbers(int64_t n, int64_t offset = 0) {
    return bytes(n * item_size(dtype_), 0x3c, offset * item_size(dtype_));
  }

 private:
  sprat_dtype dtype_;
  std::vector<void*> all_;
};

sprat_optimizer_params hyper_parameters() {
  sprat_optimizer_params params{};
  params.size = sizeof params;
  params.step = 16;  // one that flushes denormal numbers
  params.lr = 0.1;
  params.beta1 = params.beta2 = params.alpha = 0.9;
  params.eps = 1e-8;
  params.momentum = 0.5;
  params.mu_product = 1;
  return params;
}
const sprat_optimizer_options kOptions{sizeof kOptions, 1.0, 1.0, 0.5, 1};

// All of them in one step, under one norm.
void optimizers(sprat_dtype dtype) {
  Memory memory(dtype);
  sprat_optimizer_params params = hyper_parameters();
  std::vector<std::vector<sprat_optimizer_tensor>> tensors;
  std::vector<sprat_optimizer_group> groups;
  for (int32_t optimizer = 0; sprat_cuda_optimizer_advance(optimizer, &params) == SPRAT_OK; ++optimizer) {
    tensors.emplace_back();
    for (const auto [n, offset] : {std::pair<int64_t, int64_t>{kLength, 0}, {37, 1}}) {
      sprat_optimizer_tensor tensor{};
      tensor.size = sizeof tensor;
      tensor.length = n;
      tensor.param = memory.numbers(n, offset);
      tensor.grad = memory.numbers(n, offset);
      for (void*& state : tensor.states) state = memory.zeros(n, offset);
      tensor.mask = memory.mask(n, offset);
      tensor.ema = memory.zeros(n, offset);
      tensors.back().push_back(tensor);
    }
    groups.push_back({sizeof(sprat_optimizer_group), optimizer, dtype, hyper_parameters(), nullptr, 2});
  }
  for (size_t g = 0; g < groups.size(); ++g) groups[g].tensors = tensors[g].data();
  double norm = 0;
  want(sprat_cuda_optimizer_step(groups.data(), static_cast<int64_t>(groups.size()), &kOptions, &norm, nullptr));
}

void elementwise(sprat_dtype dtype) {
  for (const auto [n, offset] : {std::pair<int64_t, int64_t>{kLength, 0}, {45, 1}}) {
    Memory memory(dtype);
    void *z = memory.numbers(n, offset), *y = memory.numbers(n, offset), *grad = memory.numbers(n, offset);
    want(sprat_cuda_fill_normal(dtype, 1, 2, 0.0, 1.0, n, z, nullptr));
    for (int32_t a = 0; sprat_cuda_activation_forward(a, dtype, z, y, n, nullptr) == SPRAT_OK; ++a) {
      want(sprat_cuda_activation_backward(a, dtype, z, y, grad, y, n, nullptr));
    }
    int64_t count = 0;
    uint8_t* mask = memory.mask(n, offset);
    want(sprat_cuda_count_nonfinite(dtype, z, mask, n, &count, nullptr));
    sprat_prune_array arrays[] = {{sizeof(sprat_prune_array), n, z, mask},
                                  {sizeof(sprat_prune_array), n, grad, nullptr}};
    want(sprat_cuda_prune_threshold(dtype, arrays, 0.5, &count, nullptr));
    for (const int64_t kept : {n / 10, n}) {  // among the zeros of the last call, and beyond
      want(sprat_cuda_prune_smallest(dtype, arrays, 2, kept, nullptr, nullptr));
    }
    want(sprat_cuda_fill_uniform(dtype, 1, 2, 0.0, 1.0, n, z, nullptr));
  }
}

void quantization(sprat_dtype dtype) {
  struct Shape {
    int64_t outer, channels, inner;
  };
  for (const auto [outer, channels, inner] : {Shape{1, 1, kLength}, {3, 7, 5}, {9, 300, 1}, {2, 3, 70}}) {
    Memory memory(dtype);
    const int64_t n = outer * channels * inner;
    void *x = memory.numbers(n), *y = memory.zeros(n), *q = memory.bytes(n, 0);
    void *low = memory.zeros(channels), *high = memory.zeros(channels), *scales = memory.zeros(channels);
    int64_t count = 0;
    want(sprat_cuda_value_range(dtype, outer, channels, inner, x, low, high, &count, nullptr));
    auto* points = static_cast<int32_t*>(memory.bytes(4 * channels, 0));
    want(sprat_cuda_choose_qparams(dtype, channels, low, high, -128, 127, 1, scales, points, nullptr));
    for (const sprat_dtype integer : {SPRAT_INT8, SPRAT_UINT8}) {
      const int32_t least = integer == SPRAT_INT8 ? -128 : 0;
      const sprat_quantizer quantizer{
          sizeof quantizer,         dtype, integer, least, least + 255, outer, channels, inner, scales,
          memory.bytes(channels, 0)};
      want(sprat_cuda_quantize(&quantizer, x, q, nullptr));
      want(sprat_cuda_dequantize(&quantizer, q, y, nullptr));
      want(sprat_cuda_fake_quantize(&quantizer, x, y, static_cast<uint8_t*>(q), nullptr));
    }
  }
}

// A training step and a prediction for every loss, over layers wider and narrower than a tile.
void networks(sprat_dtype dtype) {
  constexpr int64_t kRows = 67, kIn = 19, kHidden = 70, kOut = 5;
  constexpr int64_t kParams = kHidden * kIn + kHidden + kOut * kHidden + kOut;
  const int32_t gelu = sprat_cuda_activation_find("gelu"), identity = sprat_cuda_activation_find("identity");
  const sprat_layer layers[] = {
      {sizeof(sprat_layer), kIn, kHidden, 0, kHidden * kIn, 0.2, gelu, 1},
      {sizeof(sprat_layer), kHidden, kOut, kHidden * (kIn + 1), kParams - kOut, 0, identity, 1}};
  for (const char* loss : {"cross_entropy", "bce_with_logits", "mse", "mae", "huber"}) {
    Memory memory(dtype);
    sprat_cuda_mlp* mlp = nullptr;
    sprat_cuda_workspace* workspace = nullptr;
    want(sprat_cuda_mlp_create(layers, 2, kParams, dtype, &mlp));
    want(sprat_cuda_workspace_create(&workspace));
    void *params = memory.numbers(kParams), *grads = memory.zeros(kParams), *x = memory.numbers(kRows * kIn);
    void* out = memory.zeros(kRows * kOut);
    void* shares = memory.zeros(kRows * kOut);
    want(sprat_cuda_fill_uniform(dtype, 3, 4, 0.0, 1.0, kRows * kOut, shares, nullptr));
    const sprat_mlp_batch batch{sizeof batch, kRows, x, shares, SPRAT_TARGET_NUMBERS, nullptr, nullptr};
    sprat_loss_params loss_params{};
    loss_params.size = sizeof loss_params;
    loss_params.loss = sprat_cuda_loss_find(loss);
    loss_params.delta = 1;
    sprat_mlp_gradients gradients{};
    gradients.size = sizeof gradients;
    gradients.params = grads;
    sprat_mlp_options options{};
    options.size = sizeof options;
    sprat_optimizer_tensor tensor{};
    tensor.size = sizeof tensor;
    tensor.length = kParams;
    tensor.param = params;
    tensor.grad = grads;
    for (void*& state : tensor.states) state = memory.zeros(kParams);
    const sprat_optimizer_group group{
        sizeof group, sprat_cuda_optimizer_find("adam"), dtype, hyper_parameters(), &tensor, 1};
    double value = 0, norm = 0;
    want(sprat_cuda_mlp_step(mlp, params, &batch, &loss_params, &options, workspace, &gradients, &group, 1, &kOptions,
                             &value, &norm, nullptr));
    want(sprat_cuda_mlp_forward(mlp, params, x, kRows, 1, nullptr, out, nullptr));
    want(sprat_cuda_softmax(dtype, out, out, kRows, kOut, nullptr));
    sprat_cuda_workspace_destroy(workspace);
    sprat_cuda_mlp_destroy(mlp);
  }
}

}  // namespace

int main() {
  for (const sprat_dtype dtype : {SPRAT_FLOAT32, SPRAT_FLOAT64}) {
    optimizers(dtype);
    elementwise(dtype);
    quantization(dtype);
    networks(dtype);
  }
  std::puts("every kernel ran");
}
