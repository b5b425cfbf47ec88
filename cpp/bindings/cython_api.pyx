# sprat.cython_api: typed, nogil doors to libsprat for other Cython packages. See cython_api.pxd.
"""The kernels for other Cython packages: ``cimport sprat.cython_api``. It has no Python functions."""

from libc.stdint cimport int32_t, int64_t, uint32_t


cdef extern from "sprat/sprat.h" nogil:
    const int SPRAT_ABI_VERSION
    ctypedef struct sprat_optimizer_params:
        pass
    ctypedef struct sprat_optimizer_tensor:
        pass
    ctypedef struct sprat_optimizer_group:
        pass
    ctypedef struct sprat_optimizer_options:
        pass
    uint32_t sprat_abi_version()
    const char* sprat_last_error()
    int32_t sprat_optimizer_find(const char* name)
    int sprat_optimizer_step(const sprat_optimizer_group*, int64_t, const sprat_optimizer_options*, double*)


cdef uint32_t abi_version() noexcept nogil:
    return sprat_abi_version()


cdef const char* last_error() noexcept nogil:
    return sprat_last_error()


cdef int32_t optimizer_find(const char* name) noexcept nogil:
    return sprat_optimizer_find(name)


cdef int optimizer_step(const OptimizerGroup* groups, int64_t num_groups, const OptimizerOptions* options,
                        double* grad_norm) noexcept nogil:
    return sprat_optimizer_step(<const sprat_optimizer_group*> groups, num_groups,
                                <const sprat_optimizer_options*> options, grad_norm)


# The structs above repeat those of the header, so that users need no header: they must agree.
if (sizeof(OptimizerParams) != sizeof(sprat_optimizer_params)
        or sizeof(OptimizerTensor) != sizeof(sprat_optimizer_tensor)
        or sizeof(OptimizerGroup) != sizeof(sprat_optimizer_group)
        or sizeof(OptimizerOptions) != sizeof(sprat_optimizer_options)
        or ABI_VERSION != SPRAT_ABI_VERSION):
    raise ImportError("sprat.cython_api was built against another sprat.h")
