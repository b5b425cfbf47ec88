// Optimizer steps on arrays of a device, which are told once: a step then costs one native call.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "cuda/bindings/common.h"

namespace sprat::cuda::bindings {
namespace {

using Params = sprat_optimizer_params;
constexpr struct {
  const char* name;
  double Params::*field;
} kNumbers[] = {{"lr", &Params::lr},
                {"beta1", &Params::beta1},
                {"beta2", &Params::beta2},
                {"eps", &Params::eps},
                {"weight_decay", &Params::weight_decay},
                {"momentum", &Params::momentum},
                {"dampening", &Params::dampening},
                {"alpha", &Params::alpha},
                {"lr_decay", &Params::lr_decay},
                {"momentum_decay", &Params::momentum_decay},
                {"mu_product", &Params::mu_product}};
constexpr struct {
  const char* name;
  int32_t Params::*field;
} kFlags[] = {{"nesterov", &Params::nesterov},
              {"maximize", &Params::maximize},
              {"decoupled_weight_decay", &Params::decoupled_weight_decay}};

class OptimizerPlan {
 public:
  // groups: (optimizer, dtype, tensors); a tensor: (length, param, states, mask, ema), addresses, 0 for none.
  explicit OptimizerPlan(const nb::list& groups) {
    for (const nb::handle item : groups) {
      const auto [optimizer, dtype, tensors] = unpack<3>(item);
      Group& group = groups_.emplace_back();
      group.native.size = sizeof group.native;
      group.native.optimizer = sprat_cuda_optimizer_find(nb::cast<std::string>(optimizer).c_str());
      group.native.dtype = dtype_named(nb::cast<std::string>(dtype));
      group.native.params.size = sizeof group.native.params;
      group.native.params.step = 1;
      group.native.params.mu_product = 1;
      for (const nb::handle tensor : tensors) group.tensors.push_back(native_tensor(tensor));
    }
    options_.size = sizeof options_;
  }

  void set_params(int64_t index, const nb::dict& values) {
    Group& group = groups_.at(static_cast<size_t>(index));
    Params params = group.native.params;
    for (const auto [key, value] : values) set(params, nb::cast<std::string>(key), value);
    group.native.params = params;
  }

  nb::dict params(int64_t index) const {
    const Params& params = groups_.at(static_cast<size_t>(index)).native.params;
    nb::dict out;
    out["step"] = params.step;
    for (const auto& number : kNumbers) out[number.name] = params.*number.field;
    for (const auto& flag : kFlags) out[flag.name] = params.*flag.field != 0;
    return out;
  }

  void set_options(double clip_norm, double clip_value, double ema_decay, bool require_finite) {
    options_ = {sizeof options_, clip_norm, clip_value, ema_decay, require_finite};
  }

  // False where a gradient is not finite and that was forbidden.
  bool step(const std::vector<Address>& grads, Address stream, bool want_norm) {
    size_t next = 0, wanted = 0;
    for (const Group& group : groups_) wanted += group.tensors.size();
    if (grads.size() != wanted) {
      throw nb::value_error(
          ("grads: wanted " + std::to_string(wanted) + " addresses, got " + std::to_string(grads.size())).c_str());
    }
    std::vector<sprat_optimizer_group> natives;
    for (Group& group : groups_) {
      for (sprat_optimizer_tensor& tensor : group.tensors) tensor.grad = pointer(grads[next++]);
      group.native.tensors = group.tensors.data();
      group.native.num_tensors = static_cast<int64_t>(group.tensors.size());
      natives.push_back(group.native);
    }
    double norm = NAN;
    sprat_status status;
    {
      nb::gil_scoped_release release;
      status = sprat_cuda_optimizer_step(natives.data(), static_cast<int64_t>(natives.size()), &options_,
                                         want_norm ? &norm : nullptr, pointer(stream));
    }
    if (status == SPRAT_NOT_FINITE) return false;
    check(status);
    grad_norm_ = norm;
    for (Group& group : groups_) check(sprat_cuda_optimizer_advance(group.native.optimizer, &group.native.params));
    return true;
  }

  double grad_norm() const { return grad_norm_; }

 private:
  struct Group {
    sprat_optimizer_group native{};
    std::vector<sprat_optimizer_tensor> tensors;
  };

  template <size_t kCount>
  static std::array<nb::object, kCount> unpack(nb::handle sequence) {
    if (nb::len(sequence) != kCount) throw nb::value_error("groups: wanted tuples of (optimizer, dtype, tensors)");
    std::array<nb::object, kCount> out;
    for (size_t i = 0; i < kCount; ++i) out[i] = nb::object(sequence[i]);
    return out;
  }

  static sprat_optimizer_tensor native_tensor(nb::handle item) {
    const auto [length, param, states, mask, ema] = unpack<5>(item);
    sprat_optimizer_tensor tensor{};
    tensor.size = sizeof tensor;
    tensor.length = nb::cast<int64_t>(length);
    tensor.param = pointer(nb::cast<Address>(param));
    const auto addresses = nb::cast<std::vector<Address>>(states);
    if (addresses.size() > SPRAT_OPTIMIZER_MAX_STATES) throw nb::value_error("states: more than any optimizer keeps");
    for (size_t s = 0; s < addresses.size(); ++s) tensor.states[s] = pointer(addresses[s]);
    tensor.mask = pointer<const uint8_t>(nb::cast<Address>(mask));
    tensor.ema = pointer(nb::cast<Address>(ema));
    return tensor;
  }

  static void set(Params& params, const std::string& name, nb::handle value) {
    if (name == "step") {
      params.step = nb::cast<int64_t>(value);
      return;
    }
    for (const auto& number : kNumbers) {
      if (name == number.name) {
        params.*number.field = nb::cast<double>(value);
        return;
      }
    }
    for (const auto& flag : kFlags) {
      if (name == flag.name) {
        params.*flag.field = nb::cast<bool>(value);
        return;
      }
    }
    throw nb::value_error(("hyperparameters: there is no '" + name + "'").c_str());
  }

  std::vector<Group> groups_;
  sprat_optimizer_options options_{};
  double grad_norm_ = NAN;
};

}  // namespace

void bind_optimizer(nb::module_& m) {
  nb::class_<OptimizerPlan>(m, "OptimizerPlan", "The device arrays of an optimizer, told once.")
      .def(nb::init<const nb::list&>(), nb::arg("groups"),
           "groups: (optimizer, dtype, tensors); a tensor: (length, param, states, mask, ema) as addresses, 0: none.")
      .def("set_params", &OptimizerPlan::set_params, nb::arg("group"), nb::arg("values"),
           "Set hyper-parameters of a group, by the names of sprat_optimizer_params.")
      .def("params", &OptimizerPlan::params, nb::arg("group"), "The hyper-parameters of a group's next step.")
      .def("set_options", &OptimizerPlan::set_options, nb::arg("clip_norm") = 0.0, nb::arg("clip_value") = 0.0,
           nb::arg("ema_decay") = 0.0, nb::arg("require_finite") = false, "What happens around the update; 0 is off.")
      .def("step", &OptimizerPlan::step, nb::arg("grads"), nb::arg("stream") = 0, nb::arg("want_norm") = false,
           "One update in place; False, and nothing changed, where a gradient is not finite and that was forbidden.")
      .def_prop_ro("grad_norm", &OptimizerPlan::grad_norm, "Of the last step that was asked for it; else NaN.");
}

}  // namespace sprat::cuda::bindings
