// Activations by their place in the list, for the checks of api/ that this module shares: it does without libsprat.
#include "formulas/activation/list.h"
#include "sprat/sprat.h"

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
