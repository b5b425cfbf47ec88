// Activations over a run of elements, and their gradients. Epilogues of matrix products use the formulas themselves.
#include "api/activation_checks.h"
#include "cuda/launch.h"
#include "cuda/pack.h"
#include "formulas/activation/list.h"

SPRAT_ISA_BEGIN

template <class Formula, class T>
__global__ void __launch_bounds__(cuda::kThreads) forward(const T* z, T* y, int64_t length, bool packs) {
  for_chunk<T>(
      blockIdx.x * kChunk<T>, length, packs,
      [&](int64_t i) {
        Pack<T> values = load_pack<Pack<T>>(z + i);
        for (T& value : values.at) value = Formula{}(value);
        store_pack(y + i, values);
      },
      [&](int64_t i) { y[i] = Formula{}(z[i]); });
}

// z is NULL where the formula does not need it.
template <class Formula, class T>
__global__ void __launch_bounds__(cuda::kThreads)
    backward(const T* z, const T* y, const T* grad_y, T* grad_z, int64_t length, bool packs) {
  for_chunk<T>(
      blockIdx.x * kChunk<T>, length, packs,
      [&](int64_t i) {
        Pack<T> inputs{}, grads = load_pack<Pack<T>>(grad_y + i);
        if constexpr (Formula::kNeedsInput) inputs = load_pack<Pack<T>>(z + i);
        const Pack<T> outputs = load_pack<Pack<T>>(y + i);
        for (int k = 0; k < Pack<T>::kCount; ++k) {
          grads.at[k] = grads.at[k] * Formula{}.derivative(inputs.at[k], outputs.at[k]);
        }
        store_pack(grad_z + i, grads);
      },
      [&](int64_t i) { grad_z[i] = grad_y[i] * Formula{}.derivative(Formula::kNeedsInput ? z[i] : T(0), y[i]); });
}

template <class Formula, class T>
sprat_status run_forward(const void* z, void* y, int64_t length, void* stream) {
  const auto grid = static_cast<unsigned>(cuda::blocks_for(length, kChunk<T>));
  return cuda::launch(forward<Formula, T>, grid, cuda::kThreads, stream, static_cast<const T*>(z), static_cast<T*>(y),
                      length, allow_packs<T>(z) && allow_packs<T>(y));
}

template <class Formula, class T>
sprat_status run_backward(const void* z, const void* y, const void* grad_y, void* grad_z, int64_t length,
                          void* stream) {
  const auto grid = static_cast<unsigned>(cuda::blocks_for(length, kChunk<T>));
  const bool packs = (!Formula::kNeedsInput || allow_packs<T>(z)) && allow_packs<T>(y) && allow_packs<T>(grad_y) &&
                     allow_packs<T>(grad_z);
  return cuda::launch(backward<Formula, T>, grid, cuda::kThreads, stream, static_cast<const T*>(z),
                      static_cast<const T*>(y), static_cast<const T*>(grad_y), static_cast<T*>(grad_z), length, packs);
}

struct ActivationRow {
  const char* name;
  bool needs_input;
  sprat_status (*forward[2])(const void*, void*, int64_t, void*);  // by sprat_dtype: float32, float64
  sprat_status (*backward[2])(const void*, const void*, const void*, void*, int64_t, void*);
};
template <class... Formulas>
struct Activations {
  static constexpr ActivationRow list[] = {{Formulas::kName,
                                            Formulas::kNeedsInput,
                                            {run_forward<Formulas, float>, run_forward<Formulas, double>},
                                            {run_backward<Formulas, float>, run_backward<Formulas, double>}}...};
  static constexpr int32_t count = sizeof...(Formulas);
};
using AllActivations = ActivationFormulas<Activations>;

SPRAT_ISA_END

int32_t sprat_cuda_activation_find(const char* name) noexcept { return sprat::find_in(sprat::AllActivations{}, name); }

sprat_status sprat_cuda_activation_forward(int32_t activation, sprat_dtype dtype, const void* z, void* y,
                                           int64_t length, void* stream) noexcept {
  using namespace sprat;
  const char* name = name_in(AllActivations{}, activation);
  SPRAT_RETURN_IF_REFUSED(check_activation_forward(activation, name, dtype, z, y, length));
  return AllActivations::list[activation].forward[dtype](z, y, length, stream);
}

sprat_status sprat_cuda_activation_backward(int32_t activation, sprat_dtype dtype, const void* z, const void* y,
                                            const void* grad_y, void* grad_z, int64_t length, void* stream) noexcept {
  using namespace sprat;
  const char* name = name_in(AllActivations{}, activation);
  const bool needs_input = name && AllActivations::list[activation].needs_input;
  SPRAT_RETURN_IF_REFUSED(
      check_activation_backward(activation, name, needs_input, dtype, z, y, grad_y, grad_z, length));
  return AllActivations::list[activation].backward[dtype](z, y, grad_y, grad_z, length, stream);
}
