#include "bindings/optimizer_plan.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <limits>
#include <tuple>

namespace sprat::bindings {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Elements that take about a microsecond: so long other Python threads can wait, see runner.h.
constexpr int64_t kShort = 4096;

struct Number {
  const char* name;
  double sprat_optimizer_params::*field;
};
constexpr Number kNumbers[] = {
    {"lr", &sprat_optimizer_params::lr},
    {"beta1", &sprat_optimizer_params::beta1},
    {"beta2", &sprat_optimizer_params::beta2},
    {"eps", &sprat_optimizer_params::eps},
    {"weight_decay", &sprat_optimizer_params::weight_decay},
    {"momentum", &sprat_optimizer_params::momentum},
    {"dampening", &sprat_optimizer_params::dampening},
    {"alpha", &sprat_optimizer_params::alpha},
    {"lr_decay", &sprat_optimizer_params::lr_decay},
    {"momentum_decay", &sprat_optimizer_params::momentum_decay},
};
struct Flag {
  const char* name;
  int32_t sprat_optimizer_params::*field;
};
constexpr Flag kFlags[] = {
    {"nesterov", &sprat_optimizer_params::nesterov},
    {"maximize", &sprat_optimizer_params::maximize},
    {"decoupled_weight_decay", &sprat_optimizer_params::decoupled_weight_decay},
};

Span span(const Array& array) {
  const auto begin = reinterpret_cast<uintptr_t>(array.data());
  return {begin, begin + uintptr_t(array.num_bytes()), array.name()};
}

}  // namespace

OptimizerPlan::OptimizerPlan(const nb::list& optimizers, const nb::list& tensors, int64_t flat_size, int64_t step_count)
    : flat_size_(flat_size), step_count_(step_count), grad_norm_(kUnknown) {
  for (nb::handle name : optimizers) {
    Group group{sprat_optimizer_find(nb::cast<const char*>(name)), {}};
    if (group.optimizer < 0) throw nb::value_error("there is no optimizer of this name");
    group.params.size = sizeof group.params;
    groups_.push_back(group);
  }
  tensors_.reserve(nb::len(tensors));
  for (nb::handle tensor : tensors) add_tensor(tensor);
  check_overlaps();
  options_.size = sizeof options_;
}

const char* OptimizerPlan::keep(std::string name) { return names_.emplace_back(std::move(name)).c_str(); }

void OptimizerPlan::add_tensor(nb::handle description) {
  const auto [label, key, group, param, states, mask, ema, step, mu_product, flat_offset, frozen] =
      nb::cast<std::tuple<std::string, nb::object, int64_t, nb::object, nb::list, nb::object, nb::object, int64_t,
                          double, int64_t, bool>>(description);
  Tensor tensor{keep(label),
                keep("grads" + label),
                key,
                group,
                Array(keep("params" + label), param, kWrite),
                {},
                {},
                {},
                step,
                mu_product,
                flat_offset,
                frozen,
                {},
                {},
                nullptr};
  tensor.param.want_dtype(kFloats);
  const int32_t optimizer = groups_.at(size_t(group)).optimizer;
  int32_t s = 0;
  for (nb::handle state : states) {
    const char* name = sprat_optimizer_state_name(optimizer, s++);
    if (!name) throw nb::value_error("more states than the optimizer keeps");
    tensor.states.emplace_back(keep(name + label), state, kWrite);
    tensor.states.back().want_dtype_of(tensor.param).want_shape_of(tensor.param);
  }
  if (s != sprat_optimizer_num_states(optimizer)) throw nb::value_error("fewer states than the optimizer keeps");
  if (!mask.is_none()) {
    tensor.mask.emplace(keep("masks" + label), mask, kRead);
    tensor.mask->want_dtype(Dtype::kUint8 | Dtype::kBool).want_shape_of(tensor.param);
  }
  if (!ema.is_none()) {
    tensor.ema.emplace(keep("ema" + label), ema, kWrite);
    tensor.ema->want_dtype_of(tensor.param).want_shape_of(tensor.param);
  }
  tensors_.push_back(std::move(tensor));
}

// No array that is written may share memory with another one.
void OptimizerPlan::check_overlaps() {
  for (const Tensor& tensor : tensors_) {
    written_.push_back(span(tensor.param));
    for (const Array& state : tensor.states) written_.push_back(span(state));
    if (tensor.ema) written_.push_back(span(*tensor.ema));
  }
  const auto is_empty = [](const Span& s) { return s.begin == s.end; };
  const auto by_address = [](const Span& a, const Span& b) { return a.begin < b.begin; };
  std::erase_if(written_, is_empty);
  std::sort(written_.begin(), written_.end(), by_address);
  for (size_t i = 1; i < written_.size(); ++i) {
    if (written_[i].begin < written_[i - 1].end) {
      throw nb::value_error((std::string(written_[i].name) + ": overlaps " + written_[i - 1].name).c_str());
    }
  }
  for (const Tensor& tensor : tensors_) {
    if (tensor.mask) check_apart(*tensor.mask);
  }
}

void OptimizerPlan::check_apart(const Array& array) const {
  const Span own = span(array);
  if (own.begin == own.end) return;
  // The first written array that ends behind the beginning of this one.
  const auto found = std::partition_point(written_.begin(), written_.end(),
                                          [&](const Span& written) { return written.end <= own.begin; });
  if (found != written_.end() && found->begin < own.end) {
    throw nb::value_error((std::string(array.name()) + ": overlaps " + found->name).c_str());
  }
}

void OptimizerPlan::set_group(int64_t index, const nb::dict& hyperparameters) {
  const Busy busy(busy_);
  sprat_optimizer_params params = groups_.at(size_t(index)).params;
  for (const auto& [key, value] : hyperparameters) {
    const std::string name = nb::cast<std::string>(key);
    const auto has_name = [&](const auto& entry) { return name == entry.name; };
    if (const auto* number = std::find_if(std::begin(kNumbers), std::end(kNumbers), has_name);
        number != std::end(kNumbers)) {
      params.*number->field = nb::cast<double>(value);
    } else if (const auto* flag = std::find_if(std::begin(kFlags), std::end(kFlags), has_name);
               flag != std::end(kFlags)) {
      params.*flag->field = nb::cast<bool>(value);
    } else {
      throw nb::value_error((name + ": no optimizer has this hyper-parameter").c_str());
    }
  }
  groups_[size_t(index)].params = params;
  discard();
}

// As a schedule does before every step.
void OptimizerPlan::set_lr(int64_t index, double lr) {
  const Busy busy(busy_);
  groups_.at(size_t(index)).params.lr = lr;
  if (!built_) return;
  const Tensor* const* first = active_.data();
  for (sprat_optimizer_group& group : native_groups_) {
    if ((*first)->group == index) group.params.lr = lr;
    first += group.num_tensors;
  }
}

void OptimizerPlan::set_options(double clip_norm, double clip_value, double ema_decay, bool require_finite) {
  const Busy busy(busy_);
  options_ = {sizeof options_, clip_norm, clip_value, ema_decay, require_finite};
}

void OptimizerPlan::bind(nb::handle grads) {
  const Busy busy(busy_);
  if (PyList_Check(grads.ptr()) || PyTuple_Check(grads.ptr()) || PyDict_Check(grads.ptr())) {
    bind_each(grads);
  } else {
    bind_flat(grads);
  }
  bound_ = true;
}

void OptimizerPlan::bind_flat(nb::handle grads) {
  if (flat_ && grads.is(flat_object_)) return;
  Array flat("grads", grads, kRead);
  if (flat_size_ < 0) throw nb::type_error("grads: a flat array needs parameters of one dtype");
  if (!tensors_.empty()) flat.want_dtype_of(tensors_[0].param);
  flat.want_shape({flat_size_});
  check_apart(flat);
  for (Tensor& tensor : tensors_) {
    tensor.grad_data = tensor.frozen ? nullptr
                                     : static_cast<const char*>(flat.data()) +
                                           tensor.flat_offset * (flat.num_bytes() / std::max<int64_t>(flat.size(), 1));
    tensor.grad.reset();
    tensor.grad_object.reset();
  }
  flat_.emplace(std::move(flat));
  flat_object_ = nb::borrow(grads);
  discard();
}

void OptimizerPlan::bind_each(nb::handle grads) {
  const bool named = PyDict_Check(grads.ptr());
  if (!named && nb::len(grads) != tensors_.size()) {
    throw nb::value_error(("grads: wanted " + std::to_string(tensors_.size()) +
                           " arrays, one for each parameter, got " + std::to_string(nb::len(grads)))
                              .c_str());
  }
  const auto grad_of = [&](size_t i) -> nb::handle {
    if (named && tensors_[i].frozen) return nb::handle(Py_None);
    if (!named)
      return PyList_Check(grads.ptr()) ? PyList_GetItem(grads.ptr(), Py_ssize_t(i))
                                       : PyTuple_GetItem(grads.ptr(), Py_ssize_t(i));
    if (tensors_[i].key.is_none())
      throw nb::type_error("grads: wanted a list of arrays, as params has no names; got a dict");
    PyObject* found = PyDict_GetItemWithError(grads.ptr(), tensors_[i].key.ptr());
    if (!found && PyErr_Occurred()) throw nb::python_error();  // from a key that cannot be compared
    if (!found) throw nb::value_error((std::string(tensors_[i].grad_name) + ": missing").c_str());
    return found;
  };
  const auto is_held = [&](size_t i) {
    const Tensor& tensor = tensors_[i];
    const nb::handle grad = grad_of(i);
    return tensor.frozen || (grad.is_none() ? !tensor.grad_data : tensor.grad_data && grad.is(tensor.grad_object));
  };
  bool all_held = bound_;
  for (size_t i = 0; all_held && i < tensors_.size(); ++i) all_held = is_held(i);
  if (all_held) return;
  // First everything that may be refused, then the change.
  std::vector<std::pair<size_t, Array>> fresh;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const nb::handle grad = grad_of(i);
    if (grad.is_none() || (tensors_[i].grad && grad.is(tensors_[i].grad_object))) continue;
    Array array(tensors_[i].grad_name, grad, kRead);
    array.want_dtype_of(tensors_[i].param).want_shape_of(tensors_[i].param);
    check_apart(array);
    fresh.emplace_back(i, std::move(array));
  }
  for (auto& [i, array] : fresh) {
    tensors_[i].grad.emplace(std::move(array));
    tensors_[i].grad_object = nb::borrow(grad_of(i));
  }
  for (size_t i = 0; i < tensors_.size(); ++i) {
    Tensor& tensor = tensors_[i];
    tensor.grad_data = tensor.frozen || grad_of(i).is_none() ? nullptr : tensor.grad->data();
  }
  flat_.reset();
  flat_object_.reset();
  discard();
}

// Neighbours with the same group, dtype and history make one native group: the line keeps the order of the parameters.
void OptimizerPlan::build() {
  if (built_) return;
  native_tensors_.clear();
  native_groups_.clear();
  active_.clear();
  num_elements_ = 0;
  const Tensor* previous = nullptr;
  for (Tensor& tensor : tensors_) {
    if (!tensor.grad_data) continue;
    const bool joins = previous && previous->group == tensor.group && previous->param.is(tensor.param.dtype()) &&
                       previous->step == tensor.step && previous->mu_product == tensor.mu_product;
    if (!joins) {
      const Group& group = groups_[size_t(tensor.group)];
      sprat_optimizer_group native{sizeof native, group.optimizer, tensor.param.as_dtype(), group.params, nullptr, 0};
      native.params.step = tensor.step + 1;
      native.params.mu_product = tensor.mu_product;
      native_groups_.push_back(native);
    }
    sprat_optimizer_tensor native{};
    native.size = sizeof native;
    native.length = tensor.param.size();
    native.param = tensor.param.data();
    native.grad = tensor.grad_data;
    for (size_t s = 0; s < tensor.states.size(); ++s) native.states[s] = tensor.states[s].data();
    native.mask = static_cast<const uint8_t*>(data_or_null(tensor.mask));
    native.ema = data_or_null(tensor.ema);
    native_tensors_.push_back(native);
    ++native_groups_.back().num_tensors;
    active_.push_back(&tensor);
    num_elements_ += native.length;
    previous = &tensor;
  }
  const sprat_optimizer_tensor* first = native_tensors_.data();
  for (sprat_optimizer_group& group : native_groups_) {
    group.tensors = first;
    first += group.num_tensors;
  }
  built_ = true;
}

void OptimizerPlan::discard() {
  if (built_) write_progress();
  built_ = false;
}

void OptimizerPlan::write_progress() {
  Tensor* const* tensor = active_.data();
  for (const sprat_optimizer_group& group : native_groups_) {
    for (int64_t t = 0; t < group.num_tensors; ++t, ++tensor) {
      (*tensor)->step = group.params.step - 1;
      (*tensor)->mu_product = group.params.mu_product;
    }
  }
}

void OptimizerPlan::made(int64_t steps, double grad_norm) {
  step_count_ += steps;
  if (steps > 0) grad_norm_ = grad_norm;
}

void OptimizerPlan::want_ready() const {
  if (swapped_) throw std::runtime_error("step: the parameters hold their moving averages (swap_ema)");
  if (!bound_) throw nb::value_error("grads: none were given to step, nor bound before");
}

// What the borrower leaves in the groups counts when he says so, and then only the progress.
OptimizerPlan::Loan::Loan(OptimizerPlan& plan) : plan_(plan), busy_(plan.busy_) {
  plan.want_ready();
  plan.build();
  plan.discard();
}

void OptimizerPlan::Loan::made(int64_t steps, double grad_norm) {
  plan_.write_progress();
  plan_.made(steps, grad_norm);
}

nb::handle OptimizerPlan::step(nb::handle grads) {
  if (outdated_) return Py_None;
  if (!grads.is_none()) bind(grads);
  const Busy busy(busy_);
  want_ready();
  build();
  double norm = kUnknown;
  double* wanted = options_.clip_norm > 0 ? &norm : nullptr;
  const auto make_step = [&] {
    return sprat_optimizer_step(native_groups_.data(), int64_t(native_groups_.size()), &options_, wanted);
  };
  const sprat_status status = num_elements_ <= kShort ? make_step() : without_gil(make_step);
  if (status == SPRAT_NOT_FINITE) return Py_False;
  check(status);
  for (sprat_optimizer_group& group : native_groups_) check(sprat_optimizer_advance(group.optimizer, &group.params));
  made(1, norm);
  return Py_True;
}

void OptimizerPlan::swap_ema() {
  const Busy busy(busy_);
  for (Tensor& tensor : tensors_) {
    if (!tensor.ema) continue;
    auto* param = static_cast<unsigned char*>(tensor.param.data());
    std::swap_ranges(param, param + tensor.param.num_bytes(), static_cast<unsigned char*>(tensor.ema->data()));
  }
  swapped_ = !swapped_;
}

nb::list OptimizerPlan::nonfinite() const {
  nb::list found;
  for (const Tensor& tensor : tensors_) {
    if (!tensor.grad_data) continue;
    int64_t count = 0;
    const auto* mask = static_cast<const uint8_t*>(data_or_null(tensor.mask));
    check(sprat_count_nonfinite(tensor.param.as_dtype(), tensor.grad_data, mask, tensor.param.size(), &count));
    if (count) found.append(nb::make_tuple(tensor.label, count));
  }
  return found;
}

nb::list OptimizerPlan::progress() {
  if (built_) write_progress();
  nb::list out;
  for (const Tensor& tensor : tensors_) out.append(nb::make_tuple(tensor.step, tensor.mu_product));
  return out;
}

}  // namespace sprat::bindings
