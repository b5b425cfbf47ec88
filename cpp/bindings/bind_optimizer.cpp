
#include "bindings/optimizer_plan.h"

namespace sprat::bindings {

void bind_optimizer(nb::module_& m) {
  m.def(
      "optimizers",
      [] {
        nb::dict out;
        for (int32_t i = 0; i < sprat_optimizer_count(); ++i) {
          nb::list states;
          for (int32_t s = 0; s < sprat_optimizer_num_states(i); ++s) states.append(sprat_optimizer_state_name(i, s));
          out[sprat_optimizer_name(i)] = nb::tuple(states);
        }
        return out;
      },
      nb::sig("def optimizers() -> dict[str, tuple[str, ...]]"),
      "The optimizer kernels, and the names of the states that each keeps.");

  nb::class_<OptimizerPlan>(m, "OptimizerPlan",
                            "The arrays of an optimizer, borrowed and checked once. Made by sprat.optim.Optimizer.")
      .def(nb::init<const nb::list&, const nb::list&, int64_t, int64_t>(), nb::arg("optimizers"), nb::arg("tensors"),
           nb::arg("flat_size"), nb::arg("step_count"),
           nb::sig("def __init__(self, optimizers: list[str], tensors: list[tuple[object, ...]], flat_size: int, "
                   "step_count: int) -> None"))
      .def("set_group", &OptimizerPlan::set_group, nb::arg("group"), nb::arg("hyperparameters"),
           nb::sig("def set_group(self, group: int, hyperparameters: dict[str, float]) -> None"),
           "Set hyper-parameters of a parameter group.")
      .def("set_options", &OptimizerPlan::set_options, nb::arg("clip_norm"), nb::arg("clip_value"),
           nb::arg("ema_decay"), nb::arg("require_finite"), "Set what happens around the update; 0 is off.")
      .def("bind", &OptimizerPlan::bind, nb::arg("grads"), "Take the gradients of the steps to come.")
      .def("set_lr", &OptimizerPlan::set_lr, nb::sig("def set_lr(self, group: int, lr: float, /) -> None"),
           "Set the learning rate of a parameter group.")
      .def_prop_rw("outdated", &OptimizerPlan::is_outdated, &OptimizerPlan::set_outdated,
                   "Whether hyper-parameters were set that the plan has not been told of: it makes no step then.")
      .def("step", &OptimizerPlan::step, nb::arg("grads").none(),
           nb::sig("def step(self, grads: object) -> bool | None"),
           "One update in place with these gradients or, for None, those of before. Nothing is changed and False comes "
           "back if a gradient is not finite and that was forbidden, None if the plan is outdated.")
      .def("swap_ema", &OptimizerPlan::swap_ema,
           "Exchange parameters and moving averages; steps wait until the next call.")
      .def("nonfinite", &OptimizerPlan::nonfinite, nb::sig("def nonfinite(self) -> list[tuple[str, int]]"),
           "Gradients that are not finite: label and number of elements.")
      .def("progress", &OptimizerPlan::progress, nb::sig("def progress(self) -> list[tuple[int, float]]"),
           "(step, mu_product) of each parameter.")
      .def_prop_ro("step_count", &OptimizerPlan::step_count, "Whole steps made.")
      .def_prop_ro("grad_norm", &OptimizerPlan::grad_norm, "Norm of the last step's gradients; NaN if not computed.");
}

}  // namespace sprat::bindings
