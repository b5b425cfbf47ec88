// sprat._core.TrainingPlan: a network, its loss and the arrays of its training, borrowed and checked once, so that a
// mini-batch, or a stretch of them, is one cheap call.
#include <nanobind/stl/string.h>

#include <optional>
#include <string>
#include <vector>

#include "bindings/mlp.h"
#include "bindings/numpy_array.h"
#include "bindings/optimizer_plan.h"

namespace sprat::bindings {
namespace {

constexpr int64_t kShort = 4096;  // rows times parameters

// The rows to learn from, checked against a network.
struct TrainingData {
  TrainingData(const Mlp& mlp, nb::handle x_object, nb::handle target_object, nb::handle weight_object,
               nb::handle teacher_object, nb::handle share_object)
      : x("x", x_object, kRead),
        target(optional_array("y", target_object, kRead)),
        weight(optional_array("sample_weight", weight_object, kRead)),
        teacher(optional_array("teacher", teacher_object, kRead)),
        share(optional_array("share", share_object, kRead)) {
    const uint32_t own = uint32_t(mlp.dtype);
    x.want_dtype(kFloats | Dtype::kInt8 | Dtype::kUint8).want_shape({-1, mlp.in_features()});
    const int64_t rows = x.shape(0), columns = mlp.out_features();
    const bool classes = target && target->is(Dtype::kInt64);
    if (classes) target->want_shape({rows});
    if (target && !classes) {
      target->want_dtype(own);
      if (columns == 1 && target->ndim() == 1) target->want_shape({rows});
      else target->want_shape({rows, columns});
    }
    if (weight) weight->want_dtype(own).want_shape({rows});
    if (teacher) teacher->want_dtype(own).want_shape({rows, columns});
    if (share) share->want_dtype(uint32_t(Dtype::kFloat64)).want_shape({rows});
    native = {sizeof native,
              rows,
              x.data(),
              x.as_dtype(),
              data_or_null(target),
              classes ? SPRAT_TARGET_CLASSES : SPRAT_TARGET_NUMBERS,
              data_or_null(teacher),
              data_or_null(weight),
              static_cast<const double*>(data_or_null(share))};
  }

  Array x;
  std::optional<Array> target, weight, teacher, share;
  sprat_training_data native;
};

class TrainingPlan {
 public:
  // optimizer_grads: the same gradients as the optimizer's plan takes them, flat or array by array. with_teacher: the
  // loss needs one; without, it takes none.
  TrainingPlan(nb::object mlp_object, nb::handle params, nb::handle grads, nb::handle frozen, nb::object optimizer,
               nb::object optimizer_grads, const std::string& loss, bool with_teacher, double label_smoothing,
               double delta, nb::handle class_weight, nb::handle pos_weight, double temperature, double alpha)
      : mlp_object_(std::move(mlp_object)),
        mlp_(nb::cast<const Mlp&>(mlp_object_)),
        optimizer_object_(std::move(optimizer)),
        optimizer_(nb::cast<OptimizerPlan&>(optimizer_object_)),
        optimizer_grads_(std::move(optimizer_grads)),
        params_(mlp_.params(params)),
        grads_("grads", grads, kWrite),
        frozen_(optional_array("frozen", frozen, kRead)),
        class_weight_(optional_array("class_weight", class_weight, kRead)),
        pos_weight_(optional_array("pos_weight", pos_weight, kRead)),
        with_teacher_(with_teacher) {
    const uint32_t own = uint32_t(mlp_.dtype);
    grads_.want_dtype(own).want_shape({mlp_.num_params}).want_apart_from(params_);
    if (frozen_) frozen_->want_dtype(Dtype::kUint8 | Dtype::kBool).want_shape({2 * int64_t(mlp_.layers.size())});
    for (const auto* weights : {&class_weight_, &pos_weight_}) {
      if (*weights) (*weights)->want_dtype(own).want_shape({mlp_.out_features()});
    }
    sprat_workspace* workspace = nullptr;
    check(sprat_workspace_create(&workspace));
    workspace_.handle.reset(workspace);
    loss_ = {sizeof loss_,
             find_by_name(&sprat_loss_find, "loss", loss),
             label_smoothing,
             delta,
             temperature,
             alpha,
             data_or_null(class_weight_),
             data_or_null(pos_weight_)};
    gradients_ = {sizeof gradients_, grads_.data(), nullptr, static_cast<const uint8_t*>(data_or_null(frozen_)),
                  nullptr};
    result_.size = sizeof result_;
  }

  // Takes the rows of the stretches to come.
  void bind(nb::handle x, nb::handle target, nb::handle weight, nb::handle teacher, nb::handle share) {
    const Busy busy(busy_);
    data_.emplace(mlp_, x, target, weight, teacher, share);
  }

  // A stretch of mini-batches of the bound rows; the attributes tell how far it came, whatever happens next.
  void run(nb::handle order_object, int64_t length, int64_t batch_size, int64_t first_batch, int64_t num_batches,
           uint64_t dropout_seed, int64_t step, nb::handle lr_object, double max_seconds, double safe_energy,
           double loss_sum, double loss_weight) {
    const Busy busy(busy_);
    result_.steps = 0;
    if (!data_) throw nb::value_error("x: no rows were bound");
    const std::optional<Array> order = optional_array("order", order_object, kRead);
    const std::optional<Array> lr = optional_array("lr", lr_object, kRead);
    if (order) order->want_dtype(uint32_t(Dtype::kInt64)).want_shape({length});
    if (lr) lr->want_dtype(uint32_t(Dtype::kFloat64)).want_shape({num_batches});
    grads_.want_apart_from(data_->x);
    const sprat_mlp_options options{sizeof options, dropout_seed, step, 0, nullptr, 0};
    const sprat_stretch stretch{sizeof stretch, static_cast<const int64_t*>(data_or_null(order)),
                                length,         batch_size,
                                first_batch,    num_batches,
                                &options,       static_cast<const double*>(data_or_null(lr)),
                                max_seconds,    nullptr};
    result_.loss_sum = loss_sum;
    result_.loss_weight = loss_weight;
    const sprat_status status = train(data_->native, stretch, safe_energy);
    if (status == SPRAT_OUT_OF_MEMORY) check(status);  // a refusal is a stretch of no steps
  }

  // One mini-batch. The loss before the update; in a tuple, if the optimizer refused it for what is not finite; None,
  // and nothing done, if the arrays are not exactly what the kernels read. Dropout goes by the optimizer's count of
  // steps.
  nb::object step(nb::handle x, nb::handle target, nb::handle weight, nb::handle teacher, uint64_t dropout_seed) {
    const Busy busy(busy_);
    result_.steps = 0;
    sprat_training_data batch;
    if (teacher.is_none() == with_teacher_ || !read_batch(x, target, weight, teacher, batch)) return nb::none();
    const sprat_mlp_options options{sizeof options, dropout_seed, optimizer_.step_count(), 0, nullptr, 0};
    const sprat_stretch stretch{sizeof stretch, nullptr, batch.rows, batch.rows, 0, 1, &options, nullptr, 0, nullptr};
    check(train(batch, stretch, 0));
    if (result_.steps == 0) return nb::make_tuple(result_.refused_loss);
    return nb::float_(result_.loss);
  }

  const sprat_stretch_result& result() const { return result_; }

 private:
  // The GIL is released while a call runs, and another thread may come in.
  class Busy {
   public:
    explicit Busy(bool& flag) : flag_(flag) {
      if (flag_) throw std::runtime_error("step: another thread is taking it");
      flag_ = true;
    }
    ~Busy() { flag_ = false; }
    Busy(const Busy&) = delete;

   private:
    bool& flag_;
  };

  // From the fields of the arrays, which the caller holds; false if one of them is not as the kernels read it.
  bool read_batch(nb::handle x, nb::handle target, nb::handle weight, nb::handle teacher,
                  sprat_training_data& batch) const {
    const bool is_float32 = mlp_.dtype == Dtype::kFloat32;
    const int type = is_float32 ? NPY_FLOAT : NPY_DOUBLE;
    const int64_t in = mlp_.in_features(), out = mlp_.out_features();
    batch = {};
    batch.size = sizeof batch;
    batch.x_dtype = is_float32 ? SPRAT_FLOAT32 : SPRAT_FLOAT64;
    // (rows, columns), or (rows,) of one number each, or None.
    const auto read = [&](nb::handle object, int wanted_type, int64_t columns, const void*& data) {
      if (object.is_none()) return true;
      PyArrayObject* const array = plain_array(object.ptr(), kReadable);
      if (!array || PyArray_TYPE(array) != wanted_type) return false;
      data = PyArray_DATA(array);
      const int ndim = PyArray_NDIM(array);
      return ((ndim == 2 && PyArray_DIM(array, 1) == columns) || (ndim == 1 && columns == 1)) &&
             PyArray_DIM(array, 0) == batch.rows;
    };
    PyArrayObject* const rows = plain_array(x.ptr(), kReadable);
    if (!rows || PyArray_NDIM(rows) != 2) return false;
    batch.rows = PyArray_DIM(rows, 0);
    const bool ids = read(target, NPY_INT64, 1, batch.target) && !target.is_none();
    batch.target_kind = ids ? SPRAT_TARGET_CLASSES : SPRAT_TARGET_NUMBERS;
    return batch.rows > 0 && read(x, type, in, batch.x) && (ids || read(target, type, out, batch.target)) &&
           read(weight, type, 1, batch.sample_weight) && read(teacher, type, out, batch.teacher);
  }

  // One step that takes about a microsecond: so long other Python threads can wait, see runner.h.
  bool is_short(const sprat_stretch& stretch) const {
    return stretch.num_batches == 1 && mlp_.num_params <= kShort && stretch.length * mlp_.num_params <= kShort;
  }

  sprat_status train(const sprat_training_data& data, const sprat_stretch& stretch, double safe_energy) {
    optimizer_.bind(optimizer_grads_);  // another step may have brought gradients of its own
    OptimizerPlan::Loan loan(optimizer_);
    std::vector<sprat_optimizer_group>& groups = loan.groups();
    const sprat_training training{sizeof training, mlp_.handle.get(), params_.data(), workspace_.handle.get(),
                                  &loss_,          &gradients_,       groups.data(),  int64_t(groups.size()),
                                  &loan.options(), safe_energy};
    const auto run = [&] { return sprat_train(&training, &data, &stretch, &result_); };
    const sprat_status status = is_short(stretch) ? run() : without_gil(run);
    loan.made(result_.steps, result_.grad_norm);
    return status;
  }

  nb::object mlp_object_;
  const Mlp& mlp_;
  nb::object optimizer_object_;
  OptimizerPlan& optimizer_;
  nb::object optimizer_grads_;
  Array params_, grads_;
  std::optional<Array> frozen_, class_weight_, pos_weight_;
  bool with_teacher_;
  Workspace workspace_;
  sprat_loss_params loss_{};
  sprat_mlp_gradients gradients_{};
  std::optional<TrainingData> data_;
  sprat_stretch_result result_{};
  bool busy_ = false;
};

}  // namespace

void bind_training(nb::module_& m) {
  nb::class_<TrainingPlan>(
      m, "TrainingPlan",
      "A network, its loss and its gradients, borrowed and checked once, to train by mini-batches "
      "in one native call. optimizer_grads are the gradients again, as the optimizer's plan takes them.")
      .def(nb::init<nb::object, nb::handle, nb::handle, nb::handle, nb::object, nb::object, const std::string&, bool,
                    double, double, nb::handle, nb::handle, double, double>(),
           nb::arg("mlp"), nb::arg("params"), nb::arg("grads"), nb::arg("frozen").none(), nb::arg("optimizer"),
           nb::arg("optimizer_grads"), nb::kw_only(), nb::arg("loss"), nb::arg("with_teacher") = false,
           nb::arg("label_smoothing") = 0.0, nb::arg("delta") = 1.0, nb::arg("class_weight").none() = nb::none(),
           nb::arg("pos_weight").none() = nb::none(), nb::arg("temperature") = 1.0, nb::arg("alpha") = 0.0)
      .def("bind", &TrainingPlan::bind, nb::arg("x"), nb::arg("y").none(), nb::arg("sample_weight").none(),
           nb::arg("teacher").none(), nb::arg("share").none(),
           "Take the rows of the stretches to come. x may have another dtype; share is what a row counts in the mean.")
      .def("run", &TrainingPlan::run, nb::arg("order").none(), nb::arg("length"), nb::arg("batch_size"),
           nb::arg("first_batch"), nb::arg("num_batches"), nb::arg("dropout_seed"), nb::arg("step"),
           nb::arg("lr").none(), nb::arg("max_seconds"), nb::arg("safe_energy"), nb::arg("loss_sum"),
           nb::arg("loss_weight"), "A stretch of mini-batches: see sprat_train() in sprat.h, and the attributes below.")
      .def("step", &TrainingPlan::step, nb::arg("x"), nb::arg("y").none(), nb::arg("sample_weight").none(),
           nb::arg("teacher").none(), nb::arg("dropout_seed"),
           nb::sig("def step(self, x: object, y: object, sample_weight: object, teacher: "
                   "object, dropout_seed: int) -> float | tuple[float] | None"),
           "One mini-batch. The loss before the update; in a tuple if the optimizer refused the gradients; None, and "
           "nothing done, if an array is not as the kernels read it.")
      .def_prop_ro(
          "loss", [](const TrainingPlan& plan) { return plan.result().loss; }, "Loss of the last step made.")
      .def_prop_ro(
          "loss_sum", [](const TrainingPlan& plan) { return plan.result().loss_sum; },
          "Sum of loss * weight over the steps, with what it was before.")
      .def_prop_ro(
          "loss_weight", [](const TrainingPlan& plan) { return plan.result().loss_weight; },
          "Sum of the weights of the batches, with what it was before.");
}

}  // namespace sprat::bindings
