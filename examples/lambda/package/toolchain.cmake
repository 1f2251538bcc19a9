# The compilers that make what runs on AWS Lambda: static libraries and bootstraps are built with the
# same ones. LAMBDA_ARCH is x86_64 or arm64, LAMBDA_ROOT is where tools/package-libraries puts the
# headers and libraries of that architecture.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LAMBDA_ARCH LAMBDA_ROOT)

if(LAMBDA_ARCH STREQUAL "arm64")
  set(processor aarch64)
  # Graviton2, the oldest that Lambda has. Atomics of its own, not the slower ones that work anywhere.
  set(machine_flags "-march=armv8.2-a")
elseif(LAMBDA_ARCH STREQUAL "x86_64")
  set(processor x86_64)
  set(machine_flags "")
else()
  message(FATAL_ERROR "LAMBDA_ARCH must be x86_64 or arm64, not \"${LAMBDA_ARCH}\"")
endif()

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${processor})
set(CMAKE_LIBRARY_ARCHITECTURE ${processor}-linux-gnu)
set(CMAKE_C_COMPILER ${processor}-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER ${processor}-linux-gnu-g++)
# These know of the compiler's intermediate code, which link-time optimisation keeps in archives.
set(CMAKE_AR ${processor}-linux-gnu-gcc-ar)
set(CMAKE_RANLIB ${processor}-linux-gnu-gcc-ranlib)

# Nothing of this machine but its compilers.
set(CMAKE_FIND_ROOT_PATH ${LAMBDA_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# No position-independent code: a program without relocations starts sooner.
set(flags "${machine_flags} -fno-pie -flto=2 -ffunction-sections -fdata-sections -fvisibility=hidden")
set(CMAKE_C_FLAGS_INIT "${flags}")
set(CMAKE_CXX_FLAGS_INIT "${flags} -fvisibility-inlines-hidden")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-no-pie")
