// Binary cross-entropy of a logit z, for one column or many independent ones. t is the target in [0, 1].
//
//   l = pos_weight t softplus(-z) + (1 - t) softplus(z)        softplus(z) = max(z, 0) + log(1 + exp(-|z|))
//   dl = (1 - t) p - pos_weight t (1 - p)                      p = sigmoid(z)
//
// Against a teacher with logit y, at temperature T (Hinton et al. 2015; its factor T^2 is part of the loss):
//
//   l = T^2 (p log(p / q) + (1 - p) log((1 - p) / (1 - q)))    p = sigmoid(y / T), q = sigmoid(z / T)
//   dl = T (q - p)
#pragma once

#include "formulas/loss/weigh.h"
#include "simd/math.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

// Both sides of a coin whose logit is z, and what each costs: -log of its probability. One exp, nothing cancels.
template <class V>
struct Coin {
  V p, not_p, cost, cost_of_not;

  SPRAT_HD SPRAT_INLINE explicit Coin(V z) {
    const V e = exp(-abs(z));
    const V large = V(1) / (V(1) + e);
    const V small = e * large;
    const V rest = log1p(e);
    p = select(z >= V(0), large, small);
    not_p = select(z >= V(0), small, large);
    cost = max(V(0), -z) + rest;
    cost_of_not = max(V(0), z) + rest;
  }
};

template <class T>
struct BceTeacher {
  T temperature, inverse;

  SPRAT_HD explicit BceTeacher(const sprat_loss_params& p)
      : temperature(T(p.temperature)), inverse(T(1 / p.temperature)) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V output, V teacher, V /*gain*/, V& slope) const {
    const Coin<V> student(output * V(inverse)), wanted(teacher * V(inverse));
    slope = V(temperature) * (student.p * wanted.not_p - wanted.p * student.not_p);  // q (1 - p) - p (1 - q)
    const V divergence =
        weigh(wanted.p, student.cost - wanted.cost) + weigh(wanted.not_p, student.cost_of_not - wanted.cost_of_not);
    return V(temperature) * V(temperature) * divergence;
  }
};

template <class T>
struct BceWithLogits {
  static constexpr const char* kName = "bce_with_logits";
  static constexpr bool kUnitTarget = true;
  using AgainstTeacher = BceTeacher<T>;

  SPRAT_HD explicit BceWithLogits(const sprat_loss_params&) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V output, V target, V gain, V& slope) const {
    const Coin<V> coin(output);
    const V positive = gain * target;
    const V negative = V(1) - target;
    slope = negative * coin.p - positive * coin.not_p;
    return weigh(positive, coin.cost) + weigh(negative, coin.cost_of_not);
  }
};

SPRAT_ISA_END
