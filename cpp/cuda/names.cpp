// Activations and losses by their places in their lists. The checks of api/ that this module shares ask for activations
// by the names of libsprat, which it does without.
#include <cstring>

#include "cuda/loss.h"
#include "cuda/sprat_cuda.h"
#include "formulas/activation/list.h"

namespace {

struct Activation {
  const char* name;
  bool needs_input;
};

template <class... Formulas>
struct Activations {
  static constexpr Activation list[] = {{Formulas::kName, Formulas::kNeedsInput}...};
  static constexpr int32_t count = sizeof...(Formulas);
};
using All = sprat::ActivationFormulas<Activations>;

}  // namespace

const char* sprat_activation_name(int32_t activation) noexcept {
  return activation >= 0 && activation < All::count ? All::list[activation].name : nullptr;
}

int32_t sprat_activation_needs_input(int32_t activation) noexcept {
  return activation >= 0 && activation < All::count ? All::list[activation].needs_input : -1;
}

int32_t sprat_cuda_loss_find(const char* name) noexcept {
  for (int32_t i = 0; name && sprat::cuda::describe_loss(i); ++i) {
    if (std::strcmp(sprat::cuda::describe_loss(i)->name, name) == 0) return i;
  }
  return -1;
}
