# How others find the library: a CMake package and a file for pkg-config, both without an absolute path.
include(CMakePackageConfigHelpers)

# sprat_install_package(LIBDIR INCLUDEDIR PC_LIBS): folders below the prefix, and how pkg-config links it.
function(sprat_install_package SPRAT_LIBDIR SPRAT_INCLUDEDIR SPRAT_PC_LIBS)
  set(SPRAT_SONAME libsprat.so.${SPRAT_ABI})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/package)
  set(cmake_dir ${SPRAT_LIBDIR}/cmake/sprat)
  file(RELATIVE_PATH SPRAT_PC_PREFIX /${SPRAT_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" SPRAT_PC_PREFIX "${SPRAT_PC_PREFIX}")
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cpp/cmake/sprat-config.cmake.in ${out}/sprat-config.cmake
                                INSTALL_DESTINATION ${cmake_dir})
  # Before 1.0 a minor version may change what is not the ABI.
  write_basic_package_version_file(${out}/sprat-config-version.cmake COMPATIBILITY SameMinorVersion)
  configure_file(${PROJECT_SOURCE_DIR}/cpp/cmake/sprat.pc.in ${out}/sprat.pc @ONLY)
  install(FILES ${out}/sprat-config.cmake ${out}/sprat-config-version.cmake DESTINATION ${cmake_dir} COMPONENT library)
  install(FILES ${out}/sprat.pc DESTINATION ${SPRAT_LIBDIR}/pkgconfig COMPONENT library)
endfunction()
