// DLPack capsules of memory that a Python object owns (dlpack.h, versions 0.8 and 1.0).
#include <algorithm>
#include <memory>
#include <vector>

#include "cuda/bindings/common.h"

namespace sprat::cuda::bindings {
namespace {

constexpr int32_t kCudaDevice = 2;  // kDLCUDA
constexpr uint64_t kReadOnly = 1;   // DLPACK_FLAG_BITMASK_READ_ONLY
constexpr uint32_t kMajor = 1, kMinor = 0;

struct DataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct Tensor {
  void* data;
  int32_t device_type, device_id;
  int32_t ndim;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements
  uint64_t byte_offset;
};
struct Managed {
  Tensor tensor;
  void* manager;
  void (*deleter)(Managed*);
};
struct ManagedVersioned {
  uint32_t major, minor;
  void* manager;
  void (*deleter)(ManagedVersioned*);
  uint64_t flags;
  Tensor tensor;
};

// What a capsule carries: the structure first, so that its address is that of the whole.
template <class M>
struct Carried {
  M managed{};
  std::vector<int64_t> shape, strides;
  PyObject* owner;
};

// The consumer may be in any thread, without the GIL, or later than Python itself.
template <class M>
void give_back(M* managed) {
  auto* carried = reinterpret_cast<Carried<M>*>(managed);
  if (Py_IsInitialized()) {
    const PyGILState_STATE state = PyGILState_Ensure();
    Py_DECREF(carried->owner);
    PyGILState_Release(state);
  }
  delete carried;
}

// A consumer renames the capsule; one that nobody has taken gives its memory back itself.
template <class M>
void destroy(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name)) return;
  auto* managed = static_cast<M*>(PyCapsule_GetPointer(capsule, name));
  managed->deleter(managed);
}

uint8_t code_of(char kind) {
  switch (kind) {
    case 'i':
      return 0;
    case 'u':
      return 1;
    case 'f':
      return 2;
    case 'b':
      return 6;
    default:
      throw nb::value_error("dlpack: wanted a kind of 'i', 'u', 'f' or 'b'");
  }
}

template <class M>
nb::object carry(const Tensor& tensor, std::vector<int64_t> shape, nb::handle owner, uint64_t flags, const char* name,
                 PyCapsule_Destructor destructor) {
  auto carried = std::make_unique<Carried<M>>();
  carried->shape = std::move(shape);
  carried->strides.assign(carried->shape.size(), 1);
  for (size_t axis = carried->shape.size(); axis-- > 1;) {
    carried->strides[axis - 1] = carried->strides[axis] * std::max<int64_t>(carried->shape[axis], 1);
  }
  carried->managed.tensor = tensor;
  carried->managed.tensor.shape = carried->shape.data();
  carried->managed.tensor.strides = carried->strides.data();
  carried->managed.deleter = &give_back<M>;
  if constexpr (std::is_same_v<M, ManagedVersioned>) {
    carried->managed.major = kMajor;
    carried->managed.minor = kMinor;
    carried->managed.flags = flags;
  }
  carried->owner = owner.ptr();
  PyObject* capsule = PyCapsule_New(&carried->managed, name, destructor);
  if (!capsule) throw nb::python_error();
  Py_INCREF(carried->owner);
  carried.release();
  return nb::steal(capsule);
}

nb::object dlpack(Address address, const nb::tuple& sizes, const char* kind, int bits, int32_t device, bool versioned,
                  bool read_only, nb::handle owner) {
  std::vector<int64_t> shape;
  for (nb::handle size : sizes) shape.push_back(nb::cast<int64_t>(size));
  const DataType dtype{code_of(kind[0]), static_cast<uint8_t>(bits), 1};
  const auto ndim = static_cast<int32_t>(shape.size());
  const Tensor tensor{pointer(address), kCudaDevice, device, ndim, dtype, nullptr, nullptr, 0};
  if (versioned) {
    return carry<ManagedVersioned>(tensor, std::move(shape), owner, read_only ? kReadOnly : 0, "dltensor_versioned",
                                   [](PyObject* capsule) { destroy<ManagedVersioned>(capsule, "dltensor_versioned"); });
  }
  return carry<Managed>(tensor, std::move(shape), owner, 0, "dltensor",
                        [](PyObject* capsule) { destroy<Managed>(capsule, "dltensor"); });
}

}  // namespace

void bind_dlpack(nb::module_& m) {
  m.def("dlpack", &dlpack, nb::arg("address"), nb::arg("shape"), nb::arg("kind"), nb::arg("bits"), nb::arg("device"),
        nb::arg("versioned"), nb::arg("read_only"), nb::arg("owner"),
        "A DLPack capsule of C-contiguous device memory that lives as long as `owner` does.");
}

}  // namespace sprat::cuda::bindings
