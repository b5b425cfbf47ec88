// sprat._core.ModelCall: what every model inherits, so that model(x, out=None) goes to the kernels by the shortest way.
//
// Python calls the object through a pointer in it (PEP 590). We look at the fields of the arrays; if they are exactly
// what the kernels read, we run them, and else self._call(x, out) converts them or says what is wrong. Both ways check
// the same; only the second has words for it.
#include "bindings/runner.h"

#include <structmember.h>

#include <cstddef>
#include <optional>

#include "bindings/numpy_array.h"

namespace sprat::bindings {
namespace {

struct ModelCall {
  PyObject ob_base;
  vectorcallfunc vectorcall;  // null: self._call at once
  PyObject* runner_object;    // keeps the runner
  const Runner* runner;
};

// Interned, so that names of arguments are compared by their address.
PyObject *call_name, *out_name;

ModelCall& of(PyObject* self) { return *reinterpret_cast<ModelCall*>(self); }

bool overlap(const void* a, int64_t a_bytes, const void* b, int64_t b_bytes) {
  const auto x = reinterpret_cast<uintptr_t>(a), y = reinterpret_cast<uintptr_t>(b);
  return x < y + uintptr_t(b_bytes) && y < x + uintptr_t(a_bytes);
}

// The result, or nullptr with an exception; nothing if it takes more words to tell what the arguments mean, or what is
// wrong with them.
std::optional<PyObject*> try_run(const ModelCall& self, PyObject* x_object, PyObject* out_object) {
  const Runner& runner = *self.runner;
  const bool is_float32 = runner.dtype == Dtype::kFloat32;
  const int type = is_float32 ? NPY_FLOAT : NPY_DOUBLE;
  const auto fits = [&](PyArrayObject* array, int64_t columns) {
    return array && PyArray_TYPE(array) == type && PyArray_NDIM(array) == 2 && PyArray_DIM(array, 1) == columns;
  };
  PyArrayObject* const x = plain_array(x_object, kReadable);
  if (!fits(x, runner.in_features)) return std::nullopt;
  const int64_t rows = PyArray_DIM(x, 0);
  if (out_object == Py_None) {
    npy_intp shape[2] = {rows, runner.out_features};
    out_object = PyArray_SimpleNew(2, shape, type);
    if (!out_object) return nullptr;
  } else {
    PyArrayObject* const out = plain_array(out_object, kWritable);
    if (!fits(out, runner.out_features) || PyArray_DIM(out, 0) != rows) return std::nullopt;
    const int64_t row_bytes = rows * (is_float32 ? 4 : 8);
    if (overlap(PyArray_DATA(out), row_bytes * runner.out_features, PyArray_DATA(x), row_bytes * runner.in_features))
      return std::nullopt;
    Py_INCREF(out_object);
  }
  void* const out_data = PyArray_DATA(reinterpret_cast<PyArrayObject*>(out_object));
  sprat_status status;
  if (runner.is_short(rows)) {
    status = runner.run(PyArray_DATA(x), rows, out_data);
  } else {
    // While others run, the model may be given another runner.
    const nb::object keep = nb::borrow(self.runner_object);
    nb::gil_scoped_release release;
    status = runner.run(PyArray_DATA(x), rows, out_data);
  }
  if (status == SPRAT_OK) return out_object;
  Py_DECREF(out_object);
  if (status != SPRAT_OUT_OF_MEMORY) return std::nullopt;
  return PyErr_NoMemory();
}

// Without a runner, and wherever Python has its arguments in a tuple and a dict already.
PyObject* call_checked(PyObject* self, PyObject* args, PyObject* keywords) {
  const nb::object checked = nb::steal(PyObject_GetAttr(self, call_name));
  return checked.is_valid() ? PyObject_Call(checked.ptr(), args, keywords) : nullptr;
}

// From Python 3.12 on a class made by a class statement is called through the pointer too, unless its __call__ is
// replaced. In 3.11 it inherits the pointer, but not the flag that says so: we set it, and see to it that it is true.
#if PY_VERSION_HEX < 0x030C0000
void allow_vectorcall(PyTypeObject* type) {
  if (type->tp_call == call_checked) type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
}
bool is_replaced(PyTypeObject* type) {
  if (type->tp_call == call_checked) return false;
  type->tp_flags &= ~static_cast<unsigned long>(Py_TPFLAGS_HAVE_VECTORCALL);
  return true;
}
#else
void allow_vectorcall(PyTypeObject*) {}
bool is_replaced(PyTypeObject*) { return false; }
#endif

PyObject* call_fast(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* keywords) {
  if (is_replaced(Py_TYPE(self))) return PyObject_Vectorcall(self, args, nargsf, keywords);
  const Py_ssize_t given = PyVectorcall_NARGS(nargsf), named = keywords ? NB_TUPLE_GET_SIZE(keywords) : 0;
  const bool is_plain =
      named ? given == 1 && named == 1 && NB_TUPLE_GET_ITEM(keywords, 0) == out_name : given == 1 || given == 2;
  if (is_plain) {
    if (const auto result = try_run(of(self), args[0], given + named == 2 ? args[1] : Py_None)) return *result;
  }
  const nb::object checked = nb::steal(PyObject_GetAttr(self, call_name));
  return checked.is_valid() ? PyObject_Vectorcall(checked.ptr(), args, size_t(given), keywords) : nullptr;
}

// What calls of the model go to from now on; None: to model._call.
void set_runner(nb::handle model, nb::handle runner) {
  ModelCall& self = of(model.ptr());
  PyObject* const before = self.runner_object;
  self.runner = runner.is_none() ? nullptr : nb::cast<const Runner*>(runner);
  self.runner_object = self.runner ? Py_NewRef(runner.ptr()) : nullptr;
  self.vectorcall = self.runner ? call_fast : nullptr;
  allow_vectorcall(Py_TYPE(model.ptr()));
  Py_XDECREF(before);
}

void destroy(PyObject* self) {
  Py_CLEAR(of(self).runner_object);
  PyTypeObject* const type = Py_TYPE(self);
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

PyMemberDef members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(ModelCall, vectorcall), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>("What a model is called through: see sprat.nn.Model.")},
                       {Py_tp_call, reinterpret_cast<void*>(call_checked)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
                       {Py_tp_members, members},
                       {0, nullptr}};

PyType_Spec spec = {"sprat._core.ModelCall", sizeof(ModelCall), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_VECTORCALL, slots};

}  // namespace

void bind_model_call(nb::module_& m) {
  call_name = PyUnicode_InternFromString("_call");
  out_name = PyUnicode_InternFromString("out");
  const nb::object type = nb::steal(PyType_FromSpec(&spec));
  if (!call_name || !out_name || !type.is_valid()) throw nb::python_error();
  type.attr("__module__") = m.attr("__name__");
  m.attr("ModelCall") = type;
  m.def(
      "set_runner",
      [type](nb::handle model, nb::handle runner) {
        if (!nb::isinstance(model, type)) throw nb::type_error("model: wanted a model");
        if (!runner.is_none() && !nb::isinstance<Runner>(runner))
          throw nb::type_error("runner: wanted a Runner or None");
        set_runner(model, runner);
      },
      nb::arg("model"), nb::arg("runner").none(),
      nb::sig("def set_runner(model: ModelCall, runner: Runner | None) -> None"),
      "What calls of the model go to from now on; None: to model._call.");
}

}  // namespace sprat::bindings
