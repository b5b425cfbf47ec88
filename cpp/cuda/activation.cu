// Activations on their own, element by element.
#include <cstring>

#include "cuda/launch.h"
#include "formulas/activation/list.h"

SPRAT_ISA_BEGIN

template <class Formula, class T>
__global__ void activation_forward(const T* z, T* y, int64_t n) {
  const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i < n) y[i] = Formula{}(z[i]);
}

template <class Formula, class T>
__global__ void activation_backward(const T* z, const T* y, const T* grad_y, T* grad_z, int64_t n) {
  const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i < n) grad_z[i] = grad_y[i] * Formula{}.derivative(Formula::kNeedsInput ? z[i] : T(0), y[i]);
}

template <class T>
struct ActivationsOf {
  using Forward = void (*)(const T*, T*, int64_t);
  using Backward = void (*)(const T*, const T*, const T*, T*, int64_t);
  template <class... Formulas>
  struct List {
    static constexpr int32_t count = sizeof...(Formulas);
    static constexpr const char* names[] = {Formulas::kName...};
    static constexpr bool needs_input[] = {Formulas::kNeedsInput...};
    static Forward forward(int32_t which) {
      const Forward list[] = {activation_forward<Formulas, T>...};
      return list[which];
    }
    static Backward backward(int32_t which) {
      const Backward list[] = {activation_backward<Formulas, T>...};
      return list[which];
    }
  };
};
template <class T>
using ActivationList = ActivationFormulas<ActivationsOf<T>::template List>;

inline sprat_status check_activation(int32_t activation, sprat_dtype dtype, int64_t length) {
  SPRAT_REQUIRE(activation >= 0 && activation < ActivationList<float>::count, "activation: there is no activation %d",
                activation);
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(length >= 0 && size_fits(length, 1), "length: wanted at least 0, got %lld", shown(length));
  return SPRAT_OK;
}

template <class T>
sprat_status forward_of(int32_t activation, const void* z, void* y, int64_t n, void* stream) {
  return cuda::launch(ActivationList<T>::forward(activation),
                      dim3(static_cast<unsigned>(cuda::blocks_for(n, cuda::kThreads))), cuda::kThreads, stream,
                      static_cast<const T*>(z), static_cast<T*>(y), n);
}
template <class T>
sprat_status backward_of(int32_t activation, const void* z, const void* y, const void* grad_y, void* grad_z, int64_t n,
                         void* stream) {
  return cuda::launch(ActivationList<T>::backward(activation),
                      dim3(static_cast<unsigned>(cuda::blocks_for(n, cuda::kThreads))), cuda::kThreads, stream,
                      static_cast<const T*>(z), static_cast<const T*>(y), static_cast<const T*>(grad_y),
                      static_cast<T*>(grad_z), n);
}

SPRAT_ISA_END

int32_t sprat_cuda_activation_find(const char* name) noexcept {
  using List = sprat::ActivationList<float>;
  for (int32_t i = 0; name && i < List::count; ++i) {
    if (std::strcmp(List::names[i], name) == 0) return i;
  }
  return -1;
}

sprat_status sprat_cuda_activation_forward(int32_t activation, sprat_dtype dtype, const void* z, void* y,
                                           int64_t length, void* stream) noexcept {
  using namespace sprat;
  SPRAT_RETURN_IF_REFUSED(check_activation(activation, dtype, length));
  if (length == 0) return SPRAT_OK;
  SPRAT_RETURN_IF_REFUSED(check_array("z", z, item_size(dtype)));
  SPRAT_RETURN_IF_REFUSED(check_array("y", y, item_size(dtype)));
  return dtype == SPRAT_FLOAT64 ? forward_of<double>(activation, z, y, length, stream)
                                : forward_of<float>(activation, z, y, length, stream);
}

sprat_status sprat_cuda_activation_backward(int32_t activation, sprat_dtype dtype, const void* z, const void* y,
                                            const void* grad_y, void* grad_z, int64_t length, void* stream) noexcept {
  using namespace sprat;
  SPRAT_RETURN_IF_REFUSED(check_activation(activation, dtype, length));
  if (length == 0) return SPRAT_OK;
  SPRAT_REQUIRE(z || !ActivationList<float>::needs_input[activation], "z must not be NULL: the gradient needs it");
  SPRAT_RETURN_IF_REFUSED(check_array("y", y, item_size(dtype)));
  SPRAT_RETURN_IF_REFUSED(check_array("grad_y", grad_y, item_size(dtype)));
  SPRAT_RETURN_IF_REFUSED(check_array("grad_z", grad_z, item_size(dtype)));
  return dtype == SPRAT_FLOAT64 ? backward_of<double>(activation, z, y, grad_y, grad_z, length, stream)
                                : backward_of<float>(activation, z, y, grad_y, grad_z, length, stream);
}
