/* A program of the last version, compiled against its header and linked with this library: it creates a network, trains
 * a step of it, quantizes, loads a model file and predicts. Prints "ok", or the line of what was refused. */
#include <sprat/sprat.h>
#include <stdio.h>

static int refused(const char* what) {
  printf("%s: %s\n", what, sprat_last_error());
  return 1;
}

static int train(void) {
  sprat_layer layer = {sizeof layer, 2, 1, 0, 2, 0, 0, 1};
  float params[3] = {0, 0, 0}, gradients[3];
  const float x[4] = {1, 0, 0, 1}, target[2] = {1, -1};
  sprat_mlp* mlp = NULL;
  sprat_workspace* workspace = NULL;
  sprat_mlp_batch batch = {sizeof batch, 2, NULL, NULL, SPRAT_TARGET_NUMBERS, NULL, NULL};
  sprat_loss_params loss_params = {sizeof loss_params, 0, 0, 0, 0, 0, NULL, NULL};
  sprat_mlp_gradients wanted = {sizeof wanted, NULL, NULL, NULL, NULL};
  sprat_optimizer_tensor tensor = {sizeof tensor, 3, NULL, NULL, {NULL, NULL, NULL}, NULL, NULL};
  sprat_optimizer_group group = {0};
  sprat_optimizer_options options = {sizeof options, 0, 0, 0, 1};
  double first = 0, second = 0;
  layer.activation = sprat_activation_find("identity");
  batch.x = x;
  batch.target = target;
  loss_params.loss = sprat_loss_find("mse");
  wanted.params = gradients;
  tensor.param = params;
  tensor.grad = gradients;
  group.size = sizeof group;
  group.optimizer = sprat_optimizer_find("sgd");
  group.dtype = SPRAT_FLOAT32;
  group.params.size = sizeof group.params;
  group.params.step = 1;
  group.params.lr = 0.1;
  group.tensors = &tensor;
  group.num_tensors = 1;
  if (sprat_mlp_create(&layer, 1, 3, SPRAT_FLOAT32, &mlp) || sprat_workspace_create(&workspace)) return refused("mlp");
  if (sprat_mlp_loss_and_gradients(mlp, params, &batch, &loss_params, NULL, workspace, &wanted, &first) ||
      sprat_optimizer_step(&group, 1, &options, NULL) ||
      sprat_mlp_loss_and_gradients(mlp, params, &batch, &loss_params, NULL, workspace, &wanted, &second)) {
    return refused("step");
  }
  sprat_workspace_destroy(workspace);
  sprat_mlp_destroy(mlp);
  if (!(second < first)) {
    printf("the loss went from %g to %g\n", first, second);
    return 1;
  }
  return 0;
}

static int quantize(void) {
  const float x[3] = {-1, 0, 0.6f}, scale = 0.5f;
  int8_t q[3];
  sprat_quantizer quantizer = {sizeof quantizer, SPRAT_FLOAT32, SPRAT_INT8, -128, 127, 1, 1, 3, NULL, NULL};
  quantizer.scales = &scale;
  if (sprat_quantize(&quantizer, x, q)) return refused("quantize");
  return q[0] != -2 || q[2] != 1;
}

static int predict(const char* path) {
  sprat_model* model = NULL;
  sprat_predictor* predictor = NULL;
  float x[64] = {0}, out[64];
  if (sprat_model_load_file(path, &model) || sprat_predictor_create_model(model, &predictor)) return refused("model");
  sprat_model_destroy(model);
  if (sprat_predictor_in_features(predictor) > 64 || sprat_predictor_out_features(predictor) > 64) return 1;
  if (sprat_predictor_run(predictor, x, 1, out)) return refused("run");
  sprat_predictor_destroy(predictor);
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 2 || sprat_abi_version() != SPRAT_ABI_VERSION) return 2;
  if (train() || quantize() || predict(argv[1])) return 1;
  printf("ok\n");
  return 0;
}
