# Finds LibTorch as libtorch_cpu + libc10 and nothing else.
#
# LibTorch's own TorchConfig.cmake demands a CUDA toolkit when the wheel was built with CUDA, and its
# include folder carries an old google/protobuf. So this module defines
#   LibTorch::libraries          the two and their OpenMP, with rpath-link to the CUDA stubs they name
#   LIBTORCH_COMPILE_OPTIONS     the include path and OpenMP, for the fenced source files only
# -DLIBTORCH_ROOT=DIR points at any LibTorch >= 2.9: DIR/include, DIR/lib (or DIR/torch/include, …).
set(LIBTORCH_ROOT "${CMAKE_SOURCE_DIR}/.deps/libtorch" CACHE PATH "Folder that holds torch/ or include/ and lib/")

find_path(LIBTORCH_INCLUDE_DIR ATen/ATen.h
  PATHS ${LIBTORCH_ROOT}/torch/include ${LIBTORCH_ROOT}/include NO_DEFAULT_PATH)
find_library(LIBTORCH_CPU_LIBRARY torch_cpu
  PATHS ${LIBTORCH_ROOT}/torch/lib ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(LIBTORCH_C10_LIBRARY c10
  PATHS ${LIBTORCH_ROOT}/torch/lib ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)

foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h torch/version.h)
  if(LIBTORCH_INCLUDE_DIR AND EXISTS "${LIBTORCH_INCLUDE_DIR}/${header}" AND NOT LIBTORCH_VERSION)
    file(STRINGS "${LIBTORCH_INCLUDE_DIR}/${header}" _numbers REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    string(REGEX REPLACE "[^0-9;]" "" LIBTORCH_VERSION "${_numbers}")
    string(REPLACE ";" "." LIBTORCH_VERSION "${LIBTORCH_VERSION}")
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LIBTORCH_CPU_LIBRARY LIBTORCH_C10_LIBRARY LIBTORCH_INCLUDE_DIR
  VERSION_VAR LIBTORCH_VERSION
  REASON_FAILURE_MESSAGE "run deploy/install_dependencies.sh, or pass -DLIBTORCH_ROOT=DIR")

if(LibTorch_FOUND AND NOT TARGET LibTorch::libraries)
  if(LIBTORCH_VERSION AND LIBTORCH_VERSION VERSION_LESS 2.9)
    message(FATAL_ERROR "LibTorch ${LIBTORCH_VERSION} found in ${LIBTORCH_ROOT}; must be 2.9 or newer")
  endif()
  get_filename_component(_lib_dir ${LIBTORCH_CPU_LIBRARY} DIRECTORY)
  add_library(LibTorch::libraries INTERFACE IMPORTED)
  target_link_libraries(LibTorch::libraries INTERFACE ${LIBTORCH_CPU_LIBRARY} ${LIBTORCH_C10_LIBRARY})
  file(GLOB _cuda_stubs ${LIBTORCH_ROOT}/nvidia/*/lib)
  foreach(_dir ${_lib_dir} ${_cuda_stubs})
    target_link_options(LibTorch::libraries INTERFACE "LINKER:-rpath-link,${_dir}")
  endforeach()
  # at::parallel_for is a template: without OpenMP where it is used it silently runs on one thread.
  # LibTorch brings the OpenMP library it was built with; a second one would have threads of its own.
  file(GLOB _openmp ${_lib_dir}/libgomp*.so*)
  if(_openmp)
    target_link_libraries(LibTorch::libraries INTERFACE ${_openmp})
  else()
    target_link_options(LibTorch::libraries INTERFACE -fopenmp)
  endif()
  set(LIBTORCH_COMPILE_OPTIONS "-isystem${LIBTORCH_INCLUDE_DIR}" -fopenmp)
endif()
mark_as_advanced(LIBTORCH_INCLUDE_DIR LIBTORCH_CPU_LIBRARY LIBTORCH_C10_LIBRARY)
