// A loop in C around functions of sprat.cython_api, whose addresses Python hands over: what a call costs without
// Python.
#include <cstdint>

extern "C" {

using PredictorRun = int (*)(const void* predictor, const void* x, int64_t rows, void* out);

// Nonzero if a call failed.
int loop_predictor_run(PredictorRun run, const void* predictor, const void* x, int64_t rows, void* out, int64_t calls) {
  int failed = 0;
  for (int64_t call = 0; call < calls; ++call) failed |= run(predictor, x, rows, out);
  return failed;
}

using Quantize = int (*)(const void* quantizer, const void* from, void* to);

int loop_quantize(Quantize quantize, const void* quantizer, const void* from, void* to, int64_t calls) {
  int failed = 0;
  for (int64_t call = 0; call < calls; ++call) failed |= quantize(quantizer, from, to);
  return failed;
}
}
