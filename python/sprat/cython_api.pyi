"""The kernels for other Cython packages: ``cimport sprat.cython_api``. It has no Python functions; cython_api.pxd lists what it has."""

# Name of a function: capsule with its address, named by its C type.
__pyx_capi__: dict[str, object]
