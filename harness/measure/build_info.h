// What CMake knows about this binary. build_info.cc is generated: build_info.cc.in,
// build_info.cmake.
#pragma once

namespace ryz {

struct BuildInfo {
  const char* version;
  const char* type;  // CMAKE_BUILD_TYPE
  const char* compiler;
  const char* flags;
  const char* openmp_runtime;
  const char* sanitizers;  // empty where none
  bool optimised;
  const char* git_sha;  // of the checkout at build time; empty outside one
  bool git_dirty;
};

extern const BuildInfo build_info;

}  // namespace ryz
