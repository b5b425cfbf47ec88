/* Trains a network in C: 1-32-1 with tanh learns the sine from 256 points by Adam, whole epochs in one call each.
 * The same seed gives the same bits on every machine, whatever the number of threads. */
#include <math.h>
#include <sprat/sprat.h>
#include <stdio.h>
#include <string.h>

enum { kHidden = 32, kRows = 256, kBatch = 32, kEpochs = 200, kParams = kHidden + kHidden + kHidden + 1 };

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, sprat_last_error());
  return 1;
}

/* Parameters lie in one array: weight, bias, weight, bias. */
static sprat_status create(sprat_mlp** mlp) {
  const sprat_layer layers[2] = {
      {sizeof(sprat_layer), 1, kHidden, 0, kHidden, 0, sprat_activation_find("tanh"), 1},
      {sizeof(sprat_layer), kHidden, 1, 2 * kHidden, 3 * kHidden, 0, sprat_activation_find("identity"), 1},
  };
  return sprat_mlp_create(layers, 2, kParams, SPRAT_FLOAT32, mlp);
}

int main(void) {
  static float x[kRows], target[kRows], params[kParams], gradients[kParams], exp_avg[kParams], exp_avg_sq[kParams];
  static int64_t order[kRows];
  sprat_mlp* mlp = NULL;
  sprat_workspace* workspace = NULL;
  for (int i = 0; i < kRows; ++i) {
    x[i] = (float)(-3.14159265 + 6.2831853 * i / (kRows - 1));
    target[i] = (float)sin(x[i]);
  }
  if (create(&mlp) || sprat_workspace_create(&workspace)) return fail("create");
  if (sprat_fill_normal(SPRAT_FLOAT32, 0, 0, 0, 1, kHidden, params) ||
      sprat_fill_normal(SPRAT_FLOAT32, 0, 1, 0, 0.2, kHidden, params + 2 * kHidden)) {
    return fail("initial weights");
  }

  /* What learns, and how. Fields that are not used are zero. */
  sprat_optimizer_tensor tensor = {sizeof tensor, kParams, params, gradients, {exp_avg, exp_avg_sq, NULL}, NULL, NULL};
  sprat_optimizer_group group;
  memset(&group, 0, sizeof group);
  group.size = sizeof group;
  group.optimizer = sprat_optimizer_find("adam");
  group.dtype = SPRAT_FLOAT32;
  group.params.size = sizeof group.params;
  group.params.step = 1;
  group.params.lr = 0.01;
  group.params.beta1 = 0.9;
  group.params.beta2 = 0.999;
  group.params.eps = 1e-8;
  group.tensors = &tensor;
  group.num_tensors = 1;
  sprat_optimizer_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.require_finite = 1;
  sprat_loss_params loss;
  memset(&loss, 0, sizeof loss);
  loss.size = sizeof loss;
  loss.loss = sprat_loss_find("mse");
  sprat_mlp_gradients wanted = {sizeof wanted, gradients, NULL, NULL, NULL};

  sprat_training training = {sizeof training, mlp, params, workspace, &loss, &wanted, &group, 1, &options, 0};
  sprat_training_data data;
  memset(&data, 0, sizeof data);
  data.size = sizeof data;
  data.rows = kRows;
  data.x = x;
  data.x_dtype = SPRAT_FLOAT32;
  data.target = target;
  data.target_kind = SPRAT_TARGET_NUMBERS;

  sprat_stretch epoch;
  memset(&epoch, 0, sizeof epoch);
  epoch.size = sizeof epoch;
  epoch.order = order;
  epoch.length = kRows;
  epoch.batch_size = kBatch;
  epoch.num_batches = kRows / kBatch;
  double mean = 0;
  for (int e = 0; e < kEpochs; ++e) {
    sprat_stretch_result result;
    memset(&result, 0, sizeof result);
    result.size = sizeof result;
    if (sprat_permutation(0, (uint64_t)e, kRows, order) || sprat_train(&training, &data, &epoch, &result)) {
      return fail("train");
    }
    if (result.end != SPRAT_STRETCH_DONE) return fail("epoch");
    mean = result.loss_sum / result.loss_weight;
    if (e % 50 == 0 || e == kEpochs - 1) printf("epoch %d: loss %.6f\n", e, mean);
  }

  sprat_predictor* predictor = NULL;
  const float one = 1;
  float sine = 0;
  if (sprat_predictor_create_mlp(mlp, params, &predictor) || sprat_predictor_run(predictor, &one, 1, &sine)) {
    return fail("predict");
  }
  printf("sin(1) is about %.3f\n", (double)sine);
  sprat_predictor_destroy(predictor);
  sprat_workspace_destroy(workspace);
  sprat_mlp_destroy(mlp);
  return mean < 1e-3 && fabs((double)sine - sin(1)) < 0.05 ? 0 : 1;
}
