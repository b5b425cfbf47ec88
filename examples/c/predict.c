/* Predicts with a model file:  predict model.safetensors < rows.txt
 *
 * Reads rows of numbers, in_features each, separated by spaces, and prints the outputs of each row in one line; where
 * the model knows the names of its classes, the most likely one stands in front. */
#include <inttypes.h>
#include <sprat/sprat.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, sprat_last_error());
  return 1;
}

/* One number, stored as the model wants it. */
static void set(void* row, int64_t i, sprat_dtype dtype, double value) {
  if (dtype == SPRAT_FLOAT64) {
    ((double*)row)[i] = value;
  } else {
    ((float*)row)[i] = (float)value;
  }
}

static double get(const void* row, int64_t i, sprat_dtype dtype) {
  return dtype == SPRAT_FLOAT64 ? ((const double*)row)[i] : (double)((const float*)row)[i];
}

static void print_row(const sprat_model* model, const void* out, int64_t outputs, sprat_dtype dtype) {
  int64_t best = 0;
  for (int64_t i = 1; i < outputs; ++i) {
    if (get(out, i, dtype) > get(out, best, dtype)) best = i;
  }
  if (outputs > 1 && sprat_model_class_name(model, best)) printf("%s ", sprat_model_class_name(model, best));
  for (int64_t i = 0; i < outputs; ++i) printf("%.9g%c", get(out, i, dtype), i + 1 < outputs ? ' ' : '\n');
}

int main(int argc, char** argv) {
  sprat_model* model = NULL;
  sprat_predictor* predictor = NULL;
  if (argc != 2) {
    fprintf(stderr, "usage: %s model.safetensors < rows.txt\n", argv[0]);
    return 2;
  }
  if (sprat_model_load_file(argv[1], &model)) return fail("load");
  if (sprat_predictor_create_model(model, &predictor)) return fail("predictor");

  const int64_t inputs = sprat_predictor_in_features(predictor), outputs = sprat_predictor_out_features(predictor);
  const sprat_dtype dtype = sprat_predictor_dtype(predictor);
  void* x = calloc((size_t)inputs, sizeof(double));
  void* out = calloc((size_t)outputs, sizeof(double));
  int64_t count = 0;
  int status = x && out ? 0 : 1;
  double value;
  while (status == 0 && scanf("%lf", &value) == 1) {
    set(x, count++, dtype, value);
    if (count < inputs) continue;
    count = 0;
    if (sprat_predictor_run(predictor, x, 1, out)) {
      status = fail("run");
    } else {
      print_row(model, out, outputs, dtype);
    }
  }
  if (count > 0) {
    fprintf(stderr, "the last row has %" PRId64 " numbers, wanted %" PRId64 "\n", count, inputs);
    status = 1;
  }
  free(x);
  free(out);
  sprat_predictor_destroy(predictor);
  sprat_model_destroy(model);
  return status;
}
