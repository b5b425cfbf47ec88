// Training passes on the device: forward into a workspace, backward out of it, both around a loss, and a whole step.
#include "api/mlp_checks.h"
#include "cuda/network.h"

namespace sprat::cuda {
namespace {

// Everything is checked and the workspace prepared.
sprat_status run_layers(const sprat_mlp& mlp, const void* params, sprat_cuda_workspace& workspace, void* stream) {
  const NetworkCall call{mlp, params, &workspace.options, stream};
  for (int64_t l = 0; workspace.rows > 0 && l < mlp.num_layers(); ++l) {
    const LayerTrace& trace = workspace.layers[static_cast<size_t>(l)];
    SPRAT_RETURN_IF_REFUSED(call.forward(l, trace.x, workspace.rows, trace.memory));
  }
  workspace.mlp_id = mlp.id;
  return SPRAT_OK;
}

// That the workspace holds a pass of this network over as many rows.
sprat_status check_pass(const sprat_mlp& mlp, const sprat_cuda_workspace* workspace, int64_t rows) {
  SPRAT_REQUIRE(workspace, "workspace must not be NULL");
  SPRAT_REQUIRE(workspace->mlp_id == mlp.id, "workspace: holds no training pass of this network");
  SPRAT_REQUIRE(workspace->rows == rows, "rows: wanted the %lld of the training pass, got %lld", shown(workspace->rows),
                shown(rows));
  return SPRAT_OK;
}

// Without `waits` nobody learns what the loss would have refused: the gradients are then NaN.
sprat_status loss_and_gradients(const sprat_mlp& mlp, const void* params, const sprat_mlp_batch* batch,
                                const sprat_loss_params* loss_params, const sprat_mlp_options* options,
                                sprat_cuda_workspace* workspace, const sprat_mlp_gradients* gradients, bool waits,
                                void* stream) {
  SPRAT_REQUIRE(batch && batch->size == sizeof *batch, "batch.size: wanted %zu", sizeof *batch);
  SPRAT_RETURN_IF_REFUSED(check_mlp_call(&mlp, params, batch->x, batch->rows, options));
  const int64_t size = mlp.element_size(), rows = batch->rows, outputs = mlp.layers.back().out_features;
  const bool ids = batch->target_kind == SPRAT_TARGET_CLASSES;
  SPRAT_RETURN_IF_REFUSED(check_gradients(mlp, rows,
                                          {{"the parameters", params, mlp.num_params * size},
                                           {"x", batch->x, rows * mlp.layers.front().in_features * size},
                                           {"target", batch->target, rows * (ids ? 8 : outputs * size)},
                                           {"teacher", batch->teacher, rows * outputs * size},
                                           {"sample_weight", batch->sample_weight, rows * size}},
                                          gradients));
  SPRAT_REQUIRE(workspace, "workspace must not be NULL");
  SPRAT_REQUIRE(loss_params && loss_params->size == sizeof *loss_params, "params.size: wanted %zu",
                sizeof *loss_params);
  const LossDescription* found = describe_loss(loss_params->loss);
  SPRAT_REQUIRE(found, "params.loss: there is no loss %d", loss_params->loss);
  SPRAT_RETURN_IF_REFUSED(workspace->prepare(mlp, batch->x, rows, options, stream));
  const LossArguments loss{*loss_params,
                           found->name,
                           found->takes_classes,
                           found->unit_target,
                           mlp.dtype,
                           workspace->layers.back().memory.y,
                           batch->target,
                           batch->target_kind,
                           batch->teacher,
                           batch->sample_weight,
                           rows,
                           outputs,
                           workspace->output_grad};
  SPRAT_RETURN_IF_REFUSED(check_loss(loss));
  const LossRun run{loss, workspace->loss, stream};
  SPRAT_RETURN_IF_REFUSED(run.begin());
  if (waits) SPRAT_RETURN_IF_REFUSED(run.wait_for_checks());
  SPRAT_RETURN_IF_REFUSED(run_layers(mlp, params, *workspace, stream));
  SPRAT_RETURN_IF_REFUSED(run.run());
  SPRAT_RETURN_IF_REFUSED(backward(mlp, params, *workspace, workspace->output_grad, *gradients, stream));
  workspace->has_loss = true;
  return SPRAT_OK;
}

}  // namespace
}  // namespace sprat::cuda

using namespace sprat;

sprat_status sprat_cuda_mlp_forward_train(const sprat_cuda_mlp* mlp, const void* params, const void* x, int64_t rows,
                                          const sprat_mlp_options* options, sprat_cuda_workspace* workspace,
                                          void* stream) noexcept {
  SPRAT_REQUIRE(mlp, "mlp must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_mlp_call(&mlp->structure, params, x, rows, options));
  SPRAT_REQUIRE(workspace, "workspace must not be NULL");
  SPRAT_RETURN_IF_REFUSED(workspace->prepare(mlp->structure, x, rows, options, stream));
  return cuda::run_layers(mlp->structure, params, *workspace, stream);
}

sprat_status sprat_cuda_workspace_activations(sprat_cuda_workspace* workspace, const sprat_cuda_mlp* handle,
                                              int64_t layer, int64_t rows, void* out, void* stream) noexcept {
  SPRAT_REQUIRE(handle, "mlp must not be NULL");
  const sprat_mlp& mlp = handle->structure;
  SPRAT_RETURN_IF_REFUSED(cuda::check_pass(mlp, workspace, rows));
  SPRAT_REQUIRE(layer >= 0 && layer < mlp.num_layers(), "layer: wanted 0 to %lld, got %lld",
                shown(mlp.num_layers() - 1), shown(layer));
  if (rows == 0) return SPRAT_OK;
  SPRAT_RETURN_IF_REFUSED(check_array("out", out, mlp.element_size()));
  return sprat_cuda_copy(out, workspace->layers[static_cast<size_t>(layer)].memory.y,
                         rows * mlp.layer(layer).out_features * mlp.element_size(), stream);
}

sprat_status sprat_cuda_mlp_backward(const sprat_cuda_mlp* handle, const void* params, sprat_cuda_workspace* workspace,
                                     const void* grad_output, int64_t rows, const sprat_mlp_gradients* gradients,
                                     void* stream) noexcept {
  SPRAT_REQUIRE(handle, "mlp must not be NULL");
  const sprat_mlp& mlp = handle->structure;
  SPRAT_RETURN_IF_REFUSED(check_mlp_call(&mlp, params, nullptr, 0, nullptr));
  SPRAT_RETURN_IF_REFUSED(cuda::check_pass(mlp, workspace, rows));
  if (rows > 0) SPRAT_RETURN_IF_REFUSED(check_array("grad_output", grad_output, mlp.element_size()));
  const int64_t size = mlp.element_size();
  SPRAT_RETURN_IF_REFUSED(check_gradients(mlp, rows,
                                          {{"the parameters", params, mlp.num_params * size},
                                           {"x", workspace->x, rows * mlp.layers.front().in_features * size},
                                           {"grad_output", grad_output, rows * mlp.layers.back().out_features * size}},
                                          gradients));
  return cuda::backward(mlp, params, *workspace, grad_output, *gradients, stream);
}

sprat_status sprat_cuda_mlp_loss_and_gradients(const sprat_cuda_mlp* mlp, const void* params,
                                               const sprat_mlp_batch* batch, const sprat_loss_params* loss_params,
                                               const sprat_mlp_options* options, sprat_cuda_workspace* workspace,
                                               const sprat_mlp_gradients* gradients, double* loss,
                                               void* stream) noexcept {
  SPRAT_REQUIRE(mlp, "mlp must not be NULL");
  SPRAT_RETURN_IF_REFUSED(cuda::loss_and_gradients(mlp->structure, params, batch, loss_params, options, workspace,
                                                   gradients, loss != nullptr, stream));
  return loss ? cuda::fetch_loss(workspace->loss, loss, stream) : SPRAT_OK;
}

sprat_status sprat_cuda_workspace_loss(const sprat_cuda_workspace* workspace, double* loss, void* stream) noexcept {
  SPRAT_REQUIRE(workspace, "workspace must not be NULL");
  SPRAT_REQUIRE(loss, "loss must not be NULL");
  SPRAT_REQUIRE(workspace->has_loss, "workspace: no loss has been computed with it");
  return cuda::fetch_loss(workspace->loss, loss, stream);
}

sprat_status sprat_cuda_mlp_step(const sprat_cuda_mlp* mlp, const void* params, const sprat_mlp_batch* batch,
                                 const sprat_loss_params* loss_params, const sprat_mlp_options* options,
                                 sprat_cuda_workspace* workspace, const sprat_mlp_gradients* gradients,
                                 const sprat_optimizer_group* groups, int64_t num_groups,
                                 const sprat_optimizer_options* optimizer_options, double* loss, double* grad_norm,
                                 void* stream) noexcept {
  SPRAT_REQUIRE(mlp, "mlp must not be NULL");
  SPRAT_REQUIRE(optimizer_options && optimizer_options->size == sizeof *optimizer_options, "options.size: wanted %zu",
                sizeof *optimizer_options);
  const bool waits = loss || grad_norm || optimizer_options->require_finite;
  SPRAT_RETURN_IF_REFUSED(cuda::loss_and_gradients(mlp->structure, params, batch, loss_params, options, workspace,
                                                   gradients, waits, stream));
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_optimizer_step(groups, num_groups, optimizer_options, grad_norm, stream));
  return loss ? cuda::fetch_loss(workspace->loss, loss, stream) : SPRAT_OK;
}
