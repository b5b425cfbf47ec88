// Cross-entropy of a row of logits z over K classes, with the softmax inside (torch's definition and options).
//
//   t'_c = (1 - label_smoothing) t_c + label_smoothing / K        s_c = class_weight_c t'_c
//   l    = sum_c s_c (log sum_k exp(z_k) - z_c) = S log(E) - sum_c s_c h_c
//   dl_c = S exp(h_c) / E - s_c
//   h_c  = z_c - max z,  E = sum_c exp(h_c),  S = sum_c s_c
//
// Against a teacher with logits y, at temperature T (Hinton et al. 2015; its factor T^2 is part of the loss):
//
//   l    = T^2 sum_c p_c log(p_c / q_c)        p = softmax(y / T), q = softmax(z / T)
//        = T^2 (A / E_y - log(E_y) + log(E_z)),  A = sum_c exp(h^y_c) (h^y_c - h^z_c)
//   dl_c = T (q_c - p_c)                       h^z_c = (z_c - max z) / T, and so h^y
#pragma once

#include "formulas/loss/weigh.h"
#include "simd/math.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

template <class T>
struct CrossEntropy {
  static constexpr const char* kName = "cross_entropy";
  T keep, spread;  // t' = keep t + spread

  SPRAT_HD CrossEntropy(const sprat_loss_params& p, int64_t columns)
      : keep(T(1 - p.label_smoothing)), spread(T(p.label_smoothing / static_cast<double>(columns))) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE V share(V class_weight, V target) const {
    return class_weight * (V(keep) * target + V(spread));
  }
  SPRAT_HD SPRAT_INLINE static double loss(double shares, double exps, double terms) {
    return weigh(shares, log(exps)) - terms;
  }
};

template <class T>
struct SoftmaxTeacher {
  double temperature;
  T inverse;

  SPRAT_HD explicit SoftmaxTeacher(const sprat_loss_params& p)
      : temperature(p.temperature), inverse(T(1 / p.temperature)) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE V height(V logit, V highest) const {
    return (logit - highest) * V(inverse);
  }
  // The terms of A.
  template <class V>
  SPRAT_HD SPRAT_INLINE static V term(V teacher_exp, V teacher_height, V student_height) {
    return weigh(teacher_exp, teacher_height - student_height);
  }
  SPRAT_HD SPRAT_INLINE double loss(double terms, double teacher_exps, double student_exps) const {
    return temperature * temperature * (terms / teacher_exps - log(teacher_exps) + log(student_exps));
  }
};

SPRAT_ISA_END
