// sprat._cuda: the kernels of CUDA devices for Python. Each topic has its own file; this one only calls them.
#include "cuda/bindings/common.h"

NB_MODULE(_cuda, m) {
  using namespace sprat::cuda::bindings;
  nb::set_leak_warnings(false);  // a library does not print
  m.doc() = "Kernels of sprat for CUDA devices. Use sprat.cuda; names here may change.";
  bind_device(m);
  bind_dlpack(m);
  bind_loss(m);
  bind_network(m);
  bind_elementwise(m);
  bind_optimizer(m);
  bind_quantize(m);
  bind_predictor(m);
}
