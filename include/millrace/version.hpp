#pragma once

namespace millrace {

// The one place where the version is written; CMakeLists.txt reads it from here.
inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;

}  // namespace millrace
