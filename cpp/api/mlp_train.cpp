// Training passes of the C ABI: forward into a workspace, backward out of it, and both around a loss.
#include <algorithm>
#include <atomic>

#include "api/checks.h"
#include "api/dispatch.h"
#include "api/mlp_backward.h"
#include "api/mlp_checks.h"
#include "core/parallel.h"
#include "core/scratch.h"

namespace sprat {
namespace {

sprat_status out_of_memory(int64_t rows) {
  return refuse(SPRAT_OUT_OF_MEMORY, "training: no memory for %lld rows", static_cast<long long>(rows));
}

LayerMemory rows_of(const LayerMemory& memory, const sprat_layer& layer, int64_t row, int64_t size) {
  const auto move = [&](void* array, int64_t columns) -> void* {
    return array ? advance(array, row * columns, size) : nullptr;
  };
  return {move(memory.input, layer.in_features), move(memory.z, layer.out_features), move(memory.y, layer.out_features),
          move(memory.dropped, layer.out_features)};
}

// Everything is checked and the workspace locked.
sprat_status forward_train(const sprat_mlp& mlp, const void* params, const void* x, int64_t rows,
                           const sprat_mlp_options* options, sprat_workspace& workspace) {
  const KernelTable& table = kernels();
  const LinearKernel& linear = table.linear->of[mlp.dtype];
  if (!workspace.prepare(mlp, table, x, rows, options)) return out_of_memory(rows);
  Scratch scratch;
  void* memory = scratch.bytes(packed_bytes(mlp, linear));
  auto* packed = scratch.array<PackedLayer>(mlp.num_layers());
  if (!memory || !packed) return out_of_memory(rows);
  if (rows > 0) pack_weights(mlp, linear, params, memory, packed);
  const ForwardPass pass{mlp, table, packed, &workspace.options};
  const int64_t size = mlp.element_size(), chunk = chunk_rows(mlp, linear);
  parallel_for(rows, grain_rows(mlp, linear), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row += chunk) {
      const void* in = advance(x, row * mlp.layer(0).in_features, size);
      for (int64_t l = 0; l < mlp.num_layers(); ++l) {
        const LayerMemory at = rows_of(workspace.layers[static_cast<size_t>(l)].memory, mlp.layer(l), row, size);
        in = pass.layer(l, in, row, std::min(chunk, end - row), at);
      }
    }
  });
  workspace.mlp = &mlp;
  return SPRAT_OK;
}

sprat_status check_gradients(const sprat_mlp& mlp, const void* params, const sprat_mlp_gradients* gradients) {
  const int64_t size = mlp.element_size(), bytes = mlp.num_params * size;
  SPRAT_REQUIRE(gradients && gradients->size == sizeof *gradients, "gradients.size: wanted %zu", sizeof *gradients);
  SPRAT_REQUIRE(gradients->params, "gradients.params must not be NULL");
  SPRAT_REQUIRE(is_aligned(gradients->params, size), "gradients.params: not aligned to its elements");
  SPRAT_REQUIRE(!overlap(gradients->params, bytes, params, bytes), "gradients.params must not overlap the parameters");
  SPRAT_REQUIRE(is_aligned(gradients->x, size), "gradients.x: not aligned to its elements");
  if (gradients->hidden) {
    SPRAT_REQUIRE(!gradients->hidden[mlp.num_layers() - 1], "gradients.hidden: the last layer's is grad_output");
    for (int64_t l = 0; l < mlp.num_layers(); ++l) {
      SPRAT_REQUIRE(is_aligned(gradients->hidden[l], size), "gradients.hidden[%lld]: not aligned to its elements",
                    static_cast<long long>(l));
    }
  }
  return SPRAT_OK;
}

#define SPRAT_LOCK(workspace)                             \
  SPRAT_REQUIRE(workspace, "workspace must not be NULL"); \
  const WorkspaceLock lock(*(workspace));                 \
  SPRAT_REQUIRE(lock, "workspace: another call is using it")

}  // namespace
}  // namespace sprat

using namespace sprat;

sprat_status sprat_mlp_forward_train(const sprat_mlp* mlp, const void* params, const void* x, int64_t rows,
                                     const sprat_mlp_options* options, sprat_workspace* workspace) noexcept {
  SPRAT_RETURN_IF_REFUSED(check_call(mlp, params, x, rows, options));
  SPRAT_LOCK(workspace);
  return forward_train(*mlp, params, x, rows, options, *workspace);
}

sprat_status sprat_mlp_backward(const sprat_mlp* mlp, const void* params, sprat_workspace* workspace,
                                const void* grad_output, const sprat_mlp_gradients* gradients) noexcept {
  SPRAT_RETURN_IF_REFUSED(check_call(mlp, params, nullptr, 0, nullptr));
  SPRAT_RETURN_IF_REFUSED(check_gradients(*mlp, params, gradients));
  SPRAT_LOCK(workspace);
  SPRAT_REQUIRE(workspace->mlp == mlp, "workspace: holds no training pass of this network");
  SPRAT_REQUIRE(grad_output || workspace->rows == 0, "grad_output must not be NULL");
  SPRAT_REQUIRE(is_aligned(grad_output, mlp->element_size()), "grad_output: not aligned to its elements");
  return backward(*mlp, kernels(), params, *workspace, grad_output, *gradients) ? SPRAT_OK
                                                                                : out_of_memory(workspace->rows);
}

sprat_status sprat_mlp_loss_and_gradients(const sprat_mlp* mlp, const void* params, const sprat_mlp_batch* batch,
                                          const sprat_loss_params* loss_params, const sprat_mlp_options* options,
                                          sprat_workspace* workspace, const sprat_mlp_gradients* gradients,
                                          double* loss) noexcept {
  SPRAT_REQUIRE(batch && batch->size == sizeof *batch, "batch.size: wanted %zu", sizeof *batch);
  SPRAT_REQUIRE(loss, "loss must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_call(mlp, params, batch->x, batch->rows, options));
  SPRAT_RETURN_IF_REFUSED(check_gradients(*mlp, params, gradients));
  SPRAT_LOCK(workspace);
  SPRAT_RETURN_IF_REFUSED(forward_train(*mlp, params, batch->x, batch->rows, options, *workspace));
  const LayerTrace& last = workspace->layers.back();
  // The last layer's grad is free until backward begins, which reads each row before it writes it.
  SPRAT_RETURN_IF_REFUSED(sprat_loss(loss_params, mlp->dtype, last.memory.y, batch->target, batch->target_kind,
                                     batch->teacher, batch->sample_weight, batch->rows, mlp->layers.back().out_features,
                                     last.grad, loss));
  return backward(*mlp, kernels(), params, *workspace, last.grad, *gradients) ? SPRAT_OK : out_of_memory(batch->rows);
}
