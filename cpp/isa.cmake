# THE table of instruction sets, weakest first; the last one that the CPU offers is chosen at run time.
#
#   sprat_isa(NAME ARCHITECTURE "cpu features it needs" "compiler flags")
#
# A name FOO is compiled with SPRAT_ISA=foo and SPRAT_ISA_FOO=1, and finds its vector type in cpp/simd/. The
# features are those of cpp/core/cpu.h. "any" is every architecture that has no row of its own.
set(SPRAT_ISAS "")

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(SPRAT_ARCHITECTURE x86_64)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(SPRAT_ARCHITECTURE aarch64)
else()
  set(SPRAT_ARCHITECTURE any)
endif()

set(SPRAT_LEAVE_OUT "" CACHE STRING "Instruction sets not to build, for builds that are slow")

function(sprat_isa name architecture features flags)
  if(architecture STREQUAL SPRAT_ARCHITECTURE AND NOT name IN_LIST SPRAT_LEAVE_OUT)
    list(APPEND SPRAT_ISAS ${name})
    set(SPRAT_ISAS ${SPRAT_ISAS} PARENT_SCOPE)
    set(SPRAT_ISA_FEATURES_${name} "${features}" PARENT_SCOPE)
    separate_arguments(flags)
    set(SPRAT_ISA_FLAGS_${name} ${flags} PARENT_SCOPE)
  endif()
endfunction()

set(avx2 "-mavx2 -mfma -mf16c -mbmi -mbmi2")
set(avx512 "${avx2} -mavx512f -mavx512dq -mavx512bw -mavx512vl -mprefer-vector-width=512")

sprat_isa(baseline    any     ""                                              "")
sprat_isa(baseline    x86_64  ""                                              "-march=x86-64")
sprat_isa(avx2        x86_64  "avx2 fma f16c bmi1 bmi2"                        "${avx2}")
sprat_isa(avx512      x86_64  "avx2 fma f16c bmi1 bmi2 avx512f avx512dq avx512bw avx512vl"             "${avx512}")
sprat_isa(avx512_vnni x86_64  "avx2 fma f16c bmi1 bmi2 avx512f avx512dq avx512bw avx512vl avx512_vnni" "${avx512} -mavx512vnni")
sprat_isa(neon        aarch64 "neon"                                          "-march=armv8-a")
sprat_isa(neon_dot    aarch64 "neon neon_dotprod"                             "-march=armv8.2-a+dotprod")
