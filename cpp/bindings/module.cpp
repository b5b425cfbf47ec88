// sprat._core: the kernels for Python. Each topic has its own file; this one only calls them.
#include "bindings/common.h"
#include "bindings/numpy_array.h"

NB_MODULE(_core, m) {
  using namespace sprat::bindings;
  nb::set_leak_warnings(false);  // a library does not print; objects in a frame that outlives us are no fault of ours
  m.doc() = "Native kernels of sprat. Use the public modules; names here may change.";
  import_numpy();
  bind_activation(m);
  bind_loss(m);
  bind_optimizer(m);
  bind_random(m);
  bind_mlp(m);
  bind_model_call(m);
  bind_predictor(m);
  bind_forward(m);
  bind_prune(m);
  bind_quantize(m);
  bind_packed(m);
  bind_runtime(m);
  bind_training(m);
}
