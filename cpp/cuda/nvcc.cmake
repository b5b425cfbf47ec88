# Finds nvcc and proves that it works with this C++ compiler: SPRAT_NVCC_WORKS, or SPRAT_NVCC_WHY not.
# sprat_nvcc_objects(VARIABLE FILES...) compiles with it.
set(SPRAT_NVCC_WORKS FALSE)
if(SPRAT_NVCC)
  set(nvcc ${SPRAT_NVCC})
else()
  find_program(nvcc_found nvcc HINTS ENV CUDACXX ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin
               NO_CACHE)
  set(nvcc ${nvcc_found})
  if(DEFINED ENV{CUDACXX})
    set(nvcc $ENV{CUDACXX})
  endif()
endif()
if(NOT nvcc)
  set(SPRAT_NVCC_WHY "there is no nvcc")
  return()
endif()

# Its toolkit, as it says itself: nvcc may be a script that lies elsewhere.
set(probe ${CMAKE_CURRENT_BINARY_DIR}/probe)
file(WRITE ${probe}.cu "#include <cuda_runtime.h>\n#include <type_traits>\n__global__ void probe() {}\n"
                       "int main() { probe<<<1, 1>>>(); return 0; }\n")
execute_process(COMMAND ${nvcc} --dryrun ${probe}.cu OUTPUT_VARIABLE dry ERROR_VARIABLE dry RESULT_VARIABLE failed)
string(REGEX MATCH "TOP=([^\n]+)" top "${dry}")
get_filename_component(SPRAT_CUDA_TOOLKIT "${CMAKE_MATCH_1}" ABSOLUTE)
if(failed OR NOT top)
  set(SPRAT_NVCC_WHY "${nvcc} does not run")
  return()
endif()
find_library(cudart_static NAMES libcudart_static.a PATHS ${SPRAT_CUDA_TOOLKIT} NO_DEFAULT_PATH NO_CACHE
             PATH_SUFFIXES lib64 lib targets/${CMAKE_SYSTEM_PROCESSOR}-linux/lib targets/sbsa-linux/lib)
find_path(cuda_include cuda_runtime.h PATHS ${SPRAT_CUDA_TOOLKIT} NO_DEFAULT_PATH NO_CACHE
          PATH_SUFFIXES include targets/${CMAKE_SYSTEM_PROCESSOR}-linux/include targets/sbsa-linux/include)
if(NOT cudart_static OR NOT cuda_include)
  set(SPRAT_NVCC_WHY "the toolkit of ${nvcc} has no libcudart_static.a or no cuda_runtime.h")
  return()
endif()
set(SPRAT_CUDART_STATIC ${cudart_static})
set(SPRAT_CUDA_INCLUDE ${cuda_include})

# Of the architectures those that this toolkit knows.
execute_process(COMMAND ${nvcc} --list-gpu-code OUTPUT_VARIABLE known ERROR_QUIET)
set(architectures "")
foreach(architecture IN LISTS CMAKE_CUDA_ARCHITECTURES)
  if(known MATCHES "sm_${architecture}\n")
    list(APPEND architectures ${architecture})
  endif()
endforeach()
list(LENGTH architectures count)
if(count EQUAL 0)
  set(SPRAT_NVCC_WHY "${nvcc} knows none of the architectures ${CMAKE_CUDA_ARCHITECTURES}")
  return()
endif()
# Code is written for the oldest device and translated for each, and once more as the PTX of the last: the front end,
# which takes the most time, runs twice, not for each device.
list(GET architectures 0 first)
list(GET architectures -1 last)
list(TRANSFORM architectures PREPEND sm_ OUTPUT_VARIABLE codes)
list(JOIN codes "," codes)
set(SPRAT_NVCC_ARCHITECTURES -gencode arch=compute_${first},code=[${codes}] -gencode
                             arch=compute_${last},code=compute_${last})

# -fmad=false and exact division and square root are the bits; the rest is the host's half of each file.
set(SPRAT_NVCC_FLAGS -std=c++20 -O3 -fmad=false --prec-div=true --prec-sqrt=true --ftz=false -ccbin ${CMAKE_CXX_COMPILER})
# Seven devices' code of one kernel differs little: packed for size it takes a fifth.
execute_process(COMMAND ${nvcc} --help OUTPUT_VARIABLE help ERROR_QUIET)
if(help MATCHES "--compress-mode")
  list(APPEND SPRAT_NVCC_FLAGS --compress-mode=size)
endif()
list(JOIN SPRAT_BIT_FLAGS "," host_flags)
set(SPRAT_NVCC_HOST_FLAGS -Xcompiler=-fPIC,-fvisibility=hidden,-Wall,-Wextra,${host_flags})
execute_process(COMMAND ${nvcc} ${SPRAT_NVCC_FLAGS} ${SPRAT_NVCC_HOST_FLAGS} -gencode arch=compute_${first},code=sm_${first}
                        -c ${probe}.cu -o ${probe}.o
                OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE failed)
if(failed)
  string(REGEX REPLACE "\n.*" "" said "${said}")
  set(SPRAT_NVCC_WHY "${nvcc} compiles no file: ${said}")
  return()
endif()
set(SPRAT_NVCC_WORKS TRUE)
message(STATUS "CUDA: ${nvcc} for ${codes}")

function(sprat_nvcc_objects variable)
  set(objects "")
  set(launcher ${CMAKE_CUDA_COMPILER_LAUNCHER})
  if(NOT launcher)
    set(launcher ${CMAKE_CXX_COMPILER_LAUNCHER})
  endif()
  list(TRANSFORM definitions PREPEND -D OUTPUT_VARIABLE defines)
  list(TRANSFORM includes PREPEND -I OUTPUT_VARIABLE paths)
  foreach(source IN LISTS ARGN)
    get_filename_component(name ${source} NAME)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${launcher} ${nvcc} ${SPRAT_NVCC_FLAGS} ${SPRAT_NVCC_HOST_FLAGS} ${SPRAT_NVCC_ARCHITECTURES} ${defines}
              ${paths} -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d
      COMMENT "Compiling ${name} for ${architectures}"
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${variable} ${objects} PARENT_SCOPE)
endfunction()
