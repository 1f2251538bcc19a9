# Finds standalone Asio by its header and defines Asio::Asio.
#
# Debian's libasio-dev has neither a CMake package nor a .pc file, so the header is the only thing
# to look for. A parent project that has its own target Asio::Asio keeps it.
include(FindPackageHandleStandardArgs)

if(TARGET Asio::Asio)
  set(Asio_FOUND TRUE)
  return()
endif()

find_path(Asio_INCLUDE_DIR NAMES asio/awaitable.hpp)

if(Asio_INCLUDE_DIR)
  file(STRINGS ${Asio_INCLUDE_DIR}/asio/version.hpp asio_version_line REGEX "define ASIO_VERSION [0-9]+")
  string(REGEX REPLACE ".*ASIO_VERSION ([0-9]+).*" "\\1" asio_version_number "${asio_version_line}")
  math(EXPR asio_major "${asio_version_number} / 100000")
  math(EXPR asio_minor "${asio_version_number} / 100 % 1000")
  math(EXPR asio_patch "${asio_version_number} % 100")
  set(Asio_VERSION ${asio_major}.${asio_minor}.${asio_patch})
endif()

find_package_handle_standard_args(Asio REQUIRED_VARS Asio_INCLUDE_DIR VERSION_VAR Asio_VERSION
                                  REASON_FAILURE_MESSAGE "on Debian: apt-get install libasio-dev")

if(Asio_FOUND)
  find_package(Threads REQUIRED)
  add_library(Asio::Asio INTERFACE IMPORTED GLOBAL)
  target_include_directories(Asio::Asio INTERFACE ${Asio_INCLUDE_DIR})
  target_link_libraries(Asio::Asio INTERFACE Threads::Threads)
  # Asio 1.22 decides by what was included before it whether it has std::aligned_alloc, so files of
  # one program may differ, and free what others allocated in the other way: say it for all of them.
  # clang with libstdc++ doesn't advertise what Asio 1.22 probes for before it offers coroutines.
  target_compile_definitions(
    Asio::Asio INTERFACE ASIO_STANDALONE
                         $<$<PLATFORM_ID:Linux>:ASIO_HAS_STD_ALIGNED_ALLOC=1>
                         $<$<CXX_COMPILER_ID:Clang>:ASIO_HAS_CO_AWAIT=1>
                         $<$<CXX_COMPILER_ID:Clang>:ASIO_HAS_STD_COROUTINE=1>)
endif()
mark_as_advanced(Asio_INCLUDE_DIR)
