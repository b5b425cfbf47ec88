# Flags that keep the bits: no contraction into fused multiply-add unless the code says fma(), no errno and no traps so
# that clamps and square roots vectorise. Never -ffast-math: gcc would switch the whole process to flush-to-zero.
set(SPRAT_BIT_FLAGS -ffp-contract=off -fno-math-errno -fno-trapping-math)
