// The fallback for processors without a header of their own, on this one.
#define SPRAT_ISA_PORTABLE 1
#include "isa/test_vec_memory.cpp"
