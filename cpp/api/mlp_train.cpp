// Training passes of the C ABI: forward into a workspace, backward out of it, and both around a loss.
#include <algorithm>
#include <atomic>

#include "api/dispatch.h"
#include "api/mlp_backward.h"
#include "api/mlp_checks.h"
#include "api/params.h"
#include "core/parallel.h"
#include "core/scratch.h"

namespace sprat {
namespace {

sprat_status out_of_memory(int64_t rows) {
  return refuse(SPRAT_OUT_OF_MEMORY, "training: no memory for %lld rows", shown(rows));
}

// A layer's memory for a part of the batch.
LayerMemory part_of(const LayerMemory& memory, const sprat_layer& layer, const BatchPart& part, int64_t size) {
  const auto move = [&](void* panels, int64_t features) -> void* {
    return panels ? advance(panels, part.row * features, size) : nullptr;
  };
  return {move(memory.input, layer.in_features), move(memory.z, layer.out_features), move(memory.y, layer.out_features),
          move(memory.dropped, layer.out_features)};
}

// Everything is checked and the workspace locked.
sprat_status forward_train(const sprat_mlp& mlp, const void* params, const void* x, int64_t rows,
                           const sprat_mlp_options* options, sprat_workspace& workspace) {
  const KernelTable& table = kernels();
  if (!workspace.prepare(mlp, table, x, rows, options)) return out_of_memory(rows);
  Scratch scratch;
  auto* weights = scratch.array<LayerWeights>(mlp.num_layers());
  if (!weights) return out_of_memory(rows);
  weights_of(mlp, params, weights);
  const ForwardPass pass{mlp, table, weights, &workspace.options};
  const LinearKernel& linear = pass.linear();
  const BatchSplit split(mlp, linear, rows);
  const int64_t size = mlp.element_size(), width = linear.panel_columns, in_features = mlp.layer(0).in_features;
  const auto to_panels = [&](const BatchPart& part) {
    char* panels = advance(workspace.panels, part.row * in_features, size);
    pass.batch().to_panels(advance(x, part.row * in_features, size), part.rows, in_features, 0,
                           panel_count(linear, part.rows), panels);
    return static_cast<const void*>(panels);
  };
  const auto memory_of = [&](int64_t l, const BatchPart& part) {
    return part_of(workspace.layers[static_cast<size_t>(l)].memory, mlp.layer(l), part, size);
  };
  if (split.by_panels) {
    parallel_for(split.panels, split.grain, [&](int64_t begin, int64_t end) {
      for (int64_t panel = begin; panel < end; panel += split.panels_at_once) {
        const int64_t row = panel * width, stop = std::min(end, panel + split.panels_at_once) * width;
        const BatchPart part{row, std::min(rows, stop) - row};
        const void* in = to_panels(part);
        for (int64_t l = 0; l < mlp.num_layers(); ++l) in = pass.layer(l, in, part, memory_of(l, part));
      }
    });
  } else {
    const BatchPart all{0, rows};
    const void* in = to_panels(all);
    for (int64_t l = 0; l < mlp.num_layers(); ++l) {
      const LayerMemory memory = memory_of(l, all);
      in = pass.input(l, in, all, memory);
      pass.shared_outputs(l, in, all, memory);
      in = pass.dropped(l, all, memory);
    }
  }
  workspace.mlp_id = mlp.id;
  return SPRAT_OK;
}

// That the workspace, which is locked, holds a pass of this network over as many rows.
sprat_status check_pass(const sprat_mlp& mlp, const sprat_workspace& workspace, int64_t rows) {
  SPRAT_REQUIRE(workspace.mlp_id == mlp.id, "workspace: holds no training pass of this network");
  SPRAT_REQUIRE(workspace.rows == rows, "rows: wanted the %lld of the training pass, got %lld", shown(workspace.rows),
                shown(rows));
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
  const Params taken(options);
  SPRAT_RETURN_IF_REFUSED(check_mlp_call(mlp, params, x, rows, options));
  SPRAT_LOCK(workspace);
  return forward_train(*mlp, params, x, rows, options, *workspace);
}

sprat_status sprat_workspace_activations(sprat_workspace* workspace, const sprat_mlp* mlp, int64_t layer, int64_t rows,
                                         void* out) noexcept {
  SPRAT_REQUIRE(mlp, "mlp must not be NULL");
  SPRAT_LOCK(workspace);
  SPRAT_RETURN_IF_REFUSED(check_pass(*mlp, *workspace, rows));
  SPRAT_REQUIRE(layer >= 0 && layer < mlp->num_layers(), "layer: wanted 0 to %lld, got %lld",
                shown(mlp->num_layers() - 1), shown(layer));
  if (rows == 0) return SPRAT_OK;
  SPRAT_RETURN_IF_REFUSED(check_array("out", out, mlp->element_size()));
  const KernelTable& kernels = *workspace->kernels;
  kernels.batch->of[mlp->dtype].from_panels(workspace->layers[static_cast<size_t>(layer)].memory.y, rows,
                                            mlp->layer(layer).out_features, 0,
                                            panel_count(kernels.linear->of[mlp->dtype], rows), out);
  return SPRAT_OK;
}

sprat_status sprat_mlp_backward(const sprat_mlp* mlp, const void* params, sprat_workspace* workspace,
                                const void* grad_output, int64_t rows, const sprat_mlp_gradients* gradients) noexcept {
  const Params taken(gradients);
  SPRAT_RETURN_IF_REFUSED(check_mlp_call(mlp, params, nullptr, 0, nullptr));
  SPRAT_LOCK(workspace);
  SPRAT_RETURN_IF_REFUSED(check_pass(*mlp, *workspace, rows));
  if (rows > 0) {
    SPRAT_RETURN_IF_REFUSED(check_array("grad_output", grad_output, mlp->element_size()));
  }
  const int64_t size = mlp->element_size();
  SPRAT_RETURN_IF_REFUSED(check_gradients(*mlp, rows,
                                          {{"the parameters", params, mlp->num_params * size},
                                           {"x", workspace->x, rows * mlp->layers.front().in_features * size},
                                           {"grad_output", grad_output, rows * mlp->layers.back().out_features * size}},
                                          gradients));
  return backward(*mlp, params, *workspace, grad_output, *gradients) ? SPRAT_OK : out_of_memory(workspace->rows);
}

sprat_status sprat_mlp_loss_and_gradients(const sprat_mlp* mlp, const void* params, const sprat_mlp_batch* batch,
                                          const sprat_loss_params* loss_params, const sprat_mlp_options* options,
                                          sprat_workspace* workspace, const sprat_mlp_gradients* gradients,
                                          double* loss) noexcept {
  const Params taken_batch(batch);
  const Params taken_options(options);
  const Params taken_gradients(gradients);
  SPRAT_REQUIRE(batch && batch->size == sizeof *batch, "batch.size: wanted %zu", sizeof *batch);
  SPRAT_REQUIRE(loss, "loss must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_mlp_call(mlp, params, batch->x, batch->rows, options));
  const int64_t size = mlp->element_size(), rows = batch->rows, outputs = mlp->layers.back().out_features;
  const bool ids = batch->target_kind == SPRAT_TARGET_CLASSES;
  SPRAT_RETURN_IF_REFUSED(check_gradients(*mlp, rows,
                                          {{"the parameters", params, mlp->num_params * size},
                                           {"x", batch->x, rows * mlp->layers.front().in_features * size},
                                           {"target", batch->target, rows * (ids ? 8 : outputs * size)},
                                           {"teacher", batch->teacher, rows * outputs * size},
                                           {"sample_weight", batch->sample_weight, rows * size}},
                                          gradients));
  SPRAT_LOCK(workspace);
  SPRAT_RETURN_IF_REFUSED(forward_train(*mlp, params, batch->x, rows, options, *workspace));
  const LinearKernel& linear = workspace->kernels->linear->of[mlp->dtype];
  workspace->kernels->batch->of[mlp->dtype].from_panels(workspace->layers.back().memory.y, rows, outputs, 0,
                                                        panel_count(linear, rows), workspace->output);
  SPRAT_RETURN_IF_REFUSED(sprat_loss(loss_params, mlp->dtype, workspace->output, batch->target, batch->target_kind,
                                     batch->teacher, batch->sample_weight, rows, outputs, workspace->output_grad,
                                     loss));
  return backward(*mlp, params, *workspace, workspace->output_grad, *gradients) ? SPRAT_OK : out_of_memory(rows);
}
