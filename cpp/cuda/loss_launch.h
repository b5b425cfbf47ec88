// The kernels of a loss, put on a stream, for one element type: loss_float.cu, loss_double.cu.
#pragma once

#include "cuda/launch.h"
#include "cuda/loss_sums.h"

namespace sprat::cuda {

// How a call lies in its memory: the state, sums of blocks, then a term for each element, or a number for each row.
struct LossMemory {
  LossState* state;
  double* sums;
  void* terms;

  explicit LossMemory(void* memory)
      : state(static_cast<LossState*>(memory)),
        sums(reinterpret_cast<double*>(state + 1)),
        terms(sums + LossBlocks::kMost) {}
};

}  // namespace sprat::cuda

SPRAT_ISA_BEGIN

inline dim3 blocks_of_rows(int64_t rows) {
  return dim3(static_cast<unsigned>(cuda::blocks_for(rows * kRowLanes, cuda::kThreads)));
}
inline dim3 blocks_of_elements(int64_t n) { return dim3(static_cast<unsigned>(cuda::blocks_for(n, cuda::kThreads))); }

template <class T>
using ElementKernel = void (*)(LossArgs<T> args, T* terms);

// By a loss's place in the list, of which cross-entropy is the first: against targets, and against a teacher.
template <class T>
struct ElementKernels {
  template <template <class> class... Formulas>
  struct Of {
    static sprat_status launch(int32_t loss, bool is_soft, const LossArgs<T>& args, T* terms, void* stream) {
      sprat_status status = SPRAT_INVALID_ARGUMENT;
      int32_t place = 1;
      (void)((place++ == loss ? (status = launch_one<Formulas<T>>(is_soft, args, terms, stream), true) : false) || ...);
      return status;
    }
    template <class Formula>
    static sprat_status launch_one(bool is_soft, const LossArgs<T>& args, T* terms, void* stream) {
      const dim3 grid = blocks_of_elements(args.rows * args.columns);
      if (is_soft) {
        return cuda::launch(element_losses<typename Formula::AgainstTeacher, T>, grid, cuda::kThreads, stream, args,
                            terms);
      }
      return cuda::launch(element_losses<Formula, T>, grid, cuda::kThreads, stream, args, terms);
    }
  };
};

template <class T>
using ElementLaunch = ElementLosses<ElementKernels<T>::template Of>;

template <class T>
sprat_status begin_loss_of(const LossArguments& loss, void* memory, void* stream) {
  const cuda::LossMemory at(memory);
  const bool has_hard = loss.hard_share() > 0, has_ids = has_hard && loss.target_kind == SPRAT_TARGET_CLASSES;
  const auto* ids = has_ids ? static_cast<const int64_t*>(loss.target) : nullptr;
  const auto* sample_weight = static_cast<const T*>(loss.sample_weight);
  const auto* class_weight = static_cast<const T*>(loss.params.class_weight);
  const auto* pos_weight = static_cast<const T*>(loss.params.pos_weight);
  const T* shares = has_hard && loss.unit_target ? static_cast<const T*>(loss.target) : nullptr;
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_fill(at.state, 0xff, sizeof *at.state, stream));
  const LossChecks<T> checks{ids, shares, sample_weight, class_weight, pos_weight, loss.rows, loss.columns};
  int64_t length = shares ? loss.rows * loss.columns : ids || sample_weight ? loss.rows : 0;
  if ((class_weight || pos_weight) && length < loss.columns) length = loss.columns;
  SPRAT_RETURN_IF_REFUSED(
      cuda::launch(check_elements<T>, blocks_of_elements(length), cuda::kThreads, stream, checks, length, at.state));
  const DenominatorArgs<T> args{sample_weight, ids,          ids ? class_weight : nullptr,
                                loss.rows,     loss.columns, loss.takes_classes ? 1.0 : double(loss.columns),
                                has_hard};
  return cuda::launch(sum_denominators<T>, dim3(1), dim3(kDenominatorThreads), stream, args, at.state);
}

// One part of the loss: its rows, then their sum.
template <class T>
sprat_status run_part(const LossArguments& loss, bool is_soft, double share, bool accumulate,
                      const cuda::LossMemory& at, void* stream) {
  const LossArgs<T> args{loss.params,
                         static_cast<const T*>(loss.output),
                         is_soft ? loss.teacher : loss.target,
                         static_cast<const T*>(loss.sample_weight),
                         static_cast<T*>(loss.grad_output),
                         loss.rows,
                         loss.columns,
                         is_soft,
                         accumulate,
                         share,
                         at.state};
  const cuda::LossBlocks blocks(loss.rows, loss.columns);
  if (loss.takes_classes) {
    auto* losses = static_cast<double*>(at.terms);
    const auto kernel = is_soft                                    ? softmax_teacher_rows<T>
                        : loss.target_kind == SPRAT_TARGET_CLASSES ? cross_entropy_rows<T, true>
                                                                   : cross_entropy_rows<T, false>;
    SPRAT_RETURN_IF_REFUSED(cuda::launch(kernel, blocks_of_rows(loss.rows), cuda::kThreads, stream, args, losses));
    SPRAT_RETURN_IF_REFUSED(
        cuda::launch(sum_row_losses, dim3(1), dim3(cuda::LossBlocks::kMost), stream, losses, blocks, at.sums));
  } else {
    T* terms = static_cast<T*>(at.terms);
    SPRAT_RETURN_IF_REFUSED(ElementLaunch<T>::launch(loss.params.loss, is_soft, args, terms, stream));
    constexpr unsigned kWarp = 32;
    const dim3 grid(static_cast<unsigned>(cuda::blocks_for(blocks.count * kRowLanes, kWarp)));
    SPRAT_RETURN_IF_REFUSED(cuda::launch(sum_terms<T>, grid, kWarp, stream, terms, blocks, at.sums));
  }
  return cuda::launch(add_part, dim3(1), dim3(32), stream, at.sums, blocks.count, share, is_soft, at.state);
}

template <class T>
sprat_status run_loss_of(const LossArguments& loss, void* memory, void* stream) {
  const cuda::LossMemory at(memory);
  const double hard = loss.hard_share(), soft = loss.soft_share();
  if (hard > 0) SPRAT_RETURN_IF_REFUSED(run_part<T>(loss, false, hard, false, at, stream));
  return soft > 0 ? run_part<T>(loss, true, soft, hard > 0, at, stream) : SPRAT_OK;
}

template <class T>
sprat_status softmax_of(bool log, const void* x, void* y, int64_t rows, int64_t columns, void* stream) {
  const auto kernel = log ? softmax_rows<T, true> : softmax_rows<T, false>;
  return cuda::launch(kernel, blocks_of_rows(rows), cuda::kThreads, stream, static_cast<const T*>(x),
                      static_cast<T*>(y), rows, columns);
}

template <class T>
constexpr cuda::LossKernels loss_kernels = {begin_loss_of<T>, run_loss_of<T>, softmax_of<T>};

SPRAT_ISA_END
