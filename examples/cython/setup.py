"""OpenMP is for prange. Neither a header nor a library of sprat is named: cimport is enough."""

from Cython.Build import cythonize
from setuptools import Extension, setup

openmp = ["-fopenmp"]
scoring = Extension("scoring", ["scoring.pyx"], extra_compile_args=["-O3", *openmp], extra_link_args=openmp)
setup(py_modules=[], ext_modules=cythonize([scoring]))
