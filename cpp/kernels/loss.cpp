#include "kernels/loss.h"

#include "formulas/loss/list.h"
#include "kernels/few_classes.h"
#include "kernels/lanes.h"

SPRAT_ISA_BEGIN

// ---- losses that take each column on its own ---------------------------------------------------------------------

template <template <class> class Formula, class T>
double element_rows(const sprat_loss_params& params, const LossBatch& batch, int64_t begin, int64_t end) {
  using V = Vec<T>;
  const Formula<T> formula(params);
  const T* pos_weight = static_cast<const T*>(params.pos_weight);
  const T* sample_weight = static_cast<const T*>(batch.sample_weight);
  const V scale(T(batch.scale));
  // Runs of elements: the rows, or one run of all rows where they have one column, to fill the vectors.
  const bool one_column = batch.columns == 1;
  const int64_t length = one_column ? end - begin : batch.columns;
  LaneSum sum;
  for (int64_t row = begin; row < end; row += one_column ? length : 1) {
    const int64_t at = row * batch.columns;
    const T* output = static_cast<const T*>(batch.output) + at;
    const T* target = static_cast<const T*>(batch.target) + at;
    T* grad = batch.grad_output ? static_cast<T*>(batch.grad_output) + at : nullptr;
    const V row_weight(sample_weight ? sample_weight[row] : T(1)), first_gain(pos_weight ? *pos_weight : T(1));
    for_each_vector<V>(length, [&](int64_t i, int64_t left) SPRAT_INLINE_LAMBDA {
      const V gain = pos_weight && !one_column ? load_lanes<V>(pos_weight + i, left) : first_gain;
      const V u = sample_weight && one_column ? load_lanes<V>(sample_weight + row + i, left) : row_weight;
      V slope;
      const V loss = formula(load_lanes<V>(output + i, left), load_lanes<V>(target + i, left), gain, slope);
      sum.add(u * loss, i, left);
      if (!grad) return;
      V out = u * scale * slope;
      if (batch.accumulate) out = load_lanes<V>(grad + i, left) + out;
      store_lanes(grad + i, out, left);
    });
  }
  return sum.total();
}

// ---- softmax and the losses upon it ------------------------------------------------------------------------------

// The largest element. A NaN may get lost here; the exponentials that follow keep it.
template <class T>
SPRAT_INLINE T highest(const T* x, int64_t n) {
  using V = Vec<T>;
  V top(x[0]);
  for_each_vector<V>(n, [&](int64_t i, int64_t left)
                            SPRAT_INLINE_LAMBDA { top = max(top, keep_lanes(load_lanes<V>(x + i, left), top, left)); });
  T lanes[kLanes<V>];
  top.store(lanes);
  T result = lanes[0];
  for (int lane = 1; lane < kLanes<V>; ++lane) result = max(result, lanes[lane]);
  return result;
}

template <class T, bool kClasses>
double cross_entropy_rows(const sprat_loss_params& params, const LossBatch& batch, int64_t begin, int64_t end) {
  using V = Vec<T>;
  const int64_t columns = batch.columns;
  const CrossEntropy<T> formula(params, columns);
  const bool all_have_shares = !kClasses || formula.spread > 0;
  const T* class_weight = static_cast<const T*>(params.class_weight);
  const T* sample_weight = static_cast<const T*>(batch.sample_weight);
  if (kClasses && columns <= kReduceLanes && !class_weight && formula.spread == 0) {
    return few_classes_rows<T>(batch, begin, end);
  }
  double total = 0;
  for (int64_t row = begin; row < end; ++row) {
    const T* z = static_cast<const T*>(batch.output) + row * columns;
    T* grad = batch.grad_output ? static_cast<T*>(batch.grad_output) + row * columns : nullptr;
    // A class id is a target of zeros here; the share of its one class is added below.
    const T* target = kClasses ? nullptr : static_cast<const T*>(batch.target) + row * columns;
    const auto share = [&](int64_t i, int64_t left) SPRAT_INLINE_LAMBDA {
      return formula.share(class_weight ? load_lanes<V>(class_weight + i, left) : V(1),
                           kClasses ? V(0) : load_lanes<V>(target + i, left));
    };
    const double u = sample_weight ? double(sample_weight[row]) : 1;
    const T top = highest(z, columns);
    double own_share = 0, own_term = 0;
    int64_t own = 0;
    if constexpr (kClasses) {
      own = static_cast<const int64_t*>(batch.target)[row];
      own_share = double(class_weight ? class_weight[own] : T(1)) * double(formula.keep);
      own_term = weigh(own_share, double(z[own]) - double(top));  // before the gradient may overwrite z
    }

    LaneSum exps, shares, terms;
    for_each_vector<V>(columns, [&](int64_t i, int64_t left) SPRAT_INLINE_LAMBDA {
      const V height = load_lanes<V>(z + i, left) - V(top);
      const V e = exp(height);
      exps.add(e, i, left);
      if (all_have_shares) {
        const V s = share(i, left);
        shares.add(s, i, left);
        terms.add(weigh(s, height), i, left);
      }
      if (grad) store_lanes(grad + i, e, left);
    });
    const double sum = exps.total();
    const double shares_sum = all_have_shares ? shares.total() + own_share : own_share;
    total += u * CrossEntropy<T>::loss(shares_sum, sum, all_have_shares ? terms.total() + own_term : own_term);
    if (!grad) continue;

    const V scale(T(batch.scale * u));
    const V softmax_scale(T(batch.scale * u * shares_sum / sum));
    for_each_vector<V>(columns, [&](int64_t i, int64_t left) SPRAT_INLINE_LAMBDA {
      V g = load_lanes<V>(grad + i, left) * softmax_scale;
      if (all_have_shares) g = g - scale * share(i, left);
      store_lanes(grad + i, g, left);
    });
    if constexpr (kClasses) grad[own] -= T(batch.scale * u * own_share);
  }
  return total;
}

template <class T>
double softmax_teacher_rows(const sprat_loss_params& params, const LossBatch& batch, int64_t begin, int64_t end) {
  using V = Vec<T>;
  const int64_t columns = batch.columns;
  const SoftmaxTeacher<T> formula(params);
  const T* sample_weight = static_cast<const T*>(batch.sample_weight);
  double total = 0;
  for (int64_t row = begin; row < end; ++row) {
    const T* z = static_cast<const T*>(batch.output) + row * columns;
    const T* teacher = static_cast<const T*>(batch.target) + row * columns;
    const double u = sample_weight ? double(sample_weight[row]) : 1;
    const V z_top(highest(z, columns)), teacher_top(highest(teacher, columns));

    LaneSum z_exps, teacher_exps, terms;
    for_each_vector<V>(columns, [&](int64_t i, int64_t left) SPRAT_INLINE_LAMBDA {
      const V z_height = formula.height(load_lanes<V>(z + i, left), z_top);
      const V teacher_height = formula.height(load_lanes<V>(teacher + i, left), teacher_top);
      const V teacher_exp = exp(teacher_height);
      z_exps.add(exp(z_height), i, left);
      teacher_exps.add(teacher_exp, i, left);
      terms.add(formula.term(teacher_exp, teacher_height, z_height), i, left);
    });
    const double z_sum = z_exps.total(), teacher_sum = teacher_exps.total();
    total += u * formula.loss(terms.total(), teacher_sum, z_sum);
    if (!batch.grad_output) continue;

    T* grad = static_cast<T*>(batch.grad_output) + row * columns;
    const double slope = batch.scale * u * params.temperature;
    const V z_scale(T(slope / z_sum)), teacher_scale(T(slope / teacher_sum));
    for_each_vector<V>(columns, [&](int64_t i, int64_t left) SPRAT_INLINE_LAMBDA {
      const V q = exp(formula.height(load_lanes<V>(z + i, left), z_top)) * z_scale;
      const V p = exp(formula.height(load_lanes<V>(teacher + i, left), teacher_top)) * teacher_scale;
      const V before = batch.accumulate ? load_lanes<V>(grad + i, left) : V(0);
      store_lanes(grad + i, before + (q - p), left);
    });
  }
  return total;
}

template <class T, bool kLog>
void softmax_rows(const void* x, void* y, int64_t columns, int64_t begin, int64_t end) {
  using V = Vec<T>;
  for (int64_t row = begin; row < end; ++row) {
    const T* from = static_cast<const T*>(x) + row * columns;
    T* to = static_cast<T*>(y) + row * columns;
    const V top(highest(from, columns));
    LaneSum exps;
    for_each_vector<V>(columns, [&](int64_t i, int64_t left) SPRAT_INLINE_LAMBDA {
      const V height = load_lanes<V>(from + i, left) - top;
      const V e = exp(height);
      exps.add(e, i, left);
      store_lanes(to + i, kLog ? height : e, left);
    });
    const double sum = exps.total();
    const V divisor{T(sum)}, log_sum{T(log(sum))};
    for_each_vector<V>(columns, [&](int64_t i, int64_t left) SPRAT_INLINE_LAMBDA {
      const V v = load_lanes<V>(to + i, left);
      store_lanes(to + i, kLog ? v - log_sum : v / divisor, left);
    });
  }
}

// ---- the table ---------------------------------------------------------------------------------------------------

// The teacher's formula as a template over the element type, as element_rows wants it.
template <template <class> class Formula>
struct Teacher {
  template <class T>
  using Of = typename Formula<T>::AgainstTeacher;
};

template <template <class> class... Formulas>
struct Losses {
  static constexpr LossKernel list[] = {
      {CrossEntropy<float>::kName,
       true,
       false,
       {cross_entropy_rows<float, false>, cross_entropy_rows<double, false>},
       {cross_entropy_rows<float, true>, cross_entropy_rows<double, true>},
       {softmax_teacher_rows<float>, softmax_teacher_rows<double>}},
      {Formulas<float>::kName,
       false,
       Formulas<float>::kUnitTarget,
       {element_rows<Formulas, float>, element_rows<Formulas, double>},
       {nullptr, nullptr},
       {element_rows<Teacher<Formulas>::template Of, float>, element_rows<Teacher<Formulas>::template Of, double>}}...};
  static constexpr int32_t count = 1 + sizeof...(Formulas);
};

using All = ElementLosses<Losses>;

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const LossKernels loss_kernels;
const LossKernels loss_kernels = {All::list,
                                  All::count,
                                  {softmax_rows<float, false>, softmax_rows<double, false>},
                                  {softmax_rows<float, true>, softmax_rows<double, true>}};
}  // namespace sprat::SPRAT_ISA
