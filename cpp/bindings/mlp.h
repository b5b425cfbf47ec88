// The network as Python objects hold it.
#pragma once

#include <memory>
#include <vector>

#include "bindings/array.h"

namespace sprat::bindings {

struct MlpDeleter {
  void operator()(sprat_mlp* mlp) const { sprat_mlp_destroy(mlp); }
};
struct WorkspaceDeleter {
  void operator()(sprat_workspace* workspace) const { sprat_workspace_destroy(workspace); }
};

struct Mlp {
  std::unique_ptr<sprat_mlp, MlpDeleter> handle;
  Dtype dtype;
  int64_t num_params;
  std::vector<sprat_layer> layers;

  int64_t in_features() const { return layers.front().in_features; }
  int64_t out_features() const { return layers.back().out_features; }
  int64_t out_features(int64_t layer) const {
    if (layer < 0 || layer >= int64_t(layers.size())) throw nb::value_error("layer: there is no such layer");
    return layers[size_t(layer)].out_features;
  }

  // params, as the network wants them.
  Array params(nb::handle object) const {
    Array array("params", object, kRead);
    array.want_dtype(uint32_t(dtype)).want_shape({num_params});
    return array;
  }
  // An argument of (rows, columns); rows -1: any number.
  Array matrix(const char* name, nb::handle object, int64_t rows, int64_t columns, Access access) const {
    Array array(name, object, access);
    array.want_dtype(uint32_t(dtype)).want_shape({rows, columns});
    return array;
  }
};

struct Workspace {
  std::unique_ptr<sprat_workspace, WorkspaceDeleter> handle;
};

}  // namespace sprat::bindings
