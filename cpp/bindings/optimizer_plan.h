// sprat._core.OptimizerPlan: the arrays of an optimizer, borrowed and checked once, so that a step is one cheap call.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings/array.h"

namespace sprat::bindings {

// Bytes that a step writes, and what they are called.
struct Span {
  uintptr_t begin, end;
  const char* name;
};

class OptimizerPlan {
 public:
  // optimizers: the kernel's name for each parameter group.
  // tensors: for each parameter (label, key, group, param, states, mask, ema, step, mu_product, flat_offset), where
  // label stands in messages ("[0]"), key is its name in a dict of gradients or None, step counts the updates it has
  // had, and flat_offset is its place in a flat gradient array of flat_size elements.
  OptimizerPlan(const nb::list& optimizers, const nb::list& tensors, int64_t flat_size, int64_t step_count);

  void set_group(int64_t group, const nb::dict& hyperparameters);
  void set_lr(int64_t group, double lr);
  void set_options(double clip_norm, double clip_value, double ema_decay, bool require_finite);

  // Takes the gradients of the steps to come: a list, tuple or dict of arrays (None: no gradient), or one flat array.
  void bind(nb::handle grads);

  // One update with the given gradients, or with those bound before. True, or with nothing changed False: a gradient
  // was not finite; or None: the plan is outdated.
  nb::handle step(nb::handle grads);

  // For another native call that makes steps of its own: see Loan below.
  class Loan;

  // After a step that answered False: (label, number of elements that are NaN or infinite).
  nb::list nonfinite() const;

  // Exchanges the contents of every parameter and its moving average. Steps are refused until they are exchanged back.
  void swap_ema();

  int64_t step_count() const { return step_count_; }
  double grad_norm() const { return grad_norm_; }  // NaN: not known
  nb::list progress();                             // (step, mu_product) of each parameter

  // Hyper-parameters were set that the plan has not been told of.
  bool is_outdated() const { return outdated_; }
  void set_outdated(bool outdated) { outdated_ = outdated; }

 private:
  struct Tensor {
    const char* label;
    const char* grad_name;
    nb::object key;
    int64_t group;
    Array param;
    std::vector<Array> states;
    std::optional<Array> mask, ema;
    int64_t step;
    double mu_product;
    int64_t flat_offset;
    bool frozen;
    nb::object grad_object;  // what grad was borrowed from: the same object need not be checked again
    std::optional<Array> grad;
    const void* grad_data;  // nullptr: no gradient, the step leaves this parameter alone
  };
  struct Group {
    int32_t optimizer;
    sprat_optimizer_params params;
  };
  class Busy;

  const char* keep(std::string name);
  void add_tensor(nb::handle description);
  void check_overlaps();
  void check_apart(const Array& grad) const;
  void bind_flat(nb::handle grads);
  void bind_each(nb::handle grads);
  void want_ready() const;
  void build();
  void discard();
  void write_progress();
  void made(int64_t steps, double grad_norm);

  std::deque<std::string> names_;
  std::vector<Group> groups_;
  std::vector<Tensor> tensors_;
  std::vector<Span> written_;  // by address
  sprat_optimizer_options options_{};
  int64_t flat_size_;
  nb::object flat_object_;
  std::optional<Array> flat_;
  bool bound_ = false;
  int64_t step_count_;
  double grad_norm_;
  bool busy_ = false, swapped_ = false, outdated_ = false;
  // What the library is called with: made when a step needs it, kept until gradients or hyper-parameters change. While
  // it is, the progress of the parameters is in the groups' params: write_progress() brings their own up to date.
  bool built_ = false;
  std::vector<sprat_optimizer_tensor> native_tensors_;
  std::vector<sprat_optimizer_group> native_groups_;
  std::vector<Tensor*> active_;
  int64_t num_elements_ = 0;
};

// One step at a time, and nothing is set meanwhile: the GIL is released while it runs, and another thread may come in.
class OptimizerPlan::Busy {
 public:
  explicit Busy(bool& flag) : flag_(flag) {
    if (flag_) throw std::runtime_error("optimizer: it is making a step in another thread");
    flag_ = true;
  }
  ~Busy() { flag_ = false; }
  Busy(const Busy&) = delete;

 private:
  bool& flag_;
};

// The groups of the next steps, with the gradients bound before, lent to a call that makes any number of them. Taken
// and given back with the GIL held; in between nobody else makes a step.
class OptimizerPlan::Loan {
 public:
  explicit Loan(OptimizerPlan& plan);

  // Each stands at its next step; whoever makes a step advances them.
  std::vector<sprat_optimizer_group>& groups() { return plan_.native_groups_; }
  const sprat_optimizer_options& options() const { return plan_.options_; }
  // Takes over how far the groups have come; grad_norm is that of the last step, NaN if it was not asked for.
  void made(int64_t steps, double grad_norm);

 private:
  OptimizerPlan& plan_;
  Busy busy_;
};

}  // namespace sprat::bindings
