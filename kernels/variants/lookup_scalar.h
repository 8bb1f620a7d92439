// What the scalar table kernels share: one int32 sum a row.
#pragma once

#include "kernels/variants/lookup_rows.h"

namespace ryz {
namespace {

struct ScalarSums {
  using Sum = std::int32_t;

  static Sum zero() { return 0; }
  static void store(std::int32_t* out, bool first, Sum s) { *out = (first ? 0 : *out) + s; }
  static void store(std::int32_t* out, bool first, Sum s0, Sum s1, Sum s2, Sum s3) {
    store(out, first, s0);
    store(out + 1, first, s1);
    store(out + 2, first, s2);
    store(out + 3, first, s3);
  }
};

inline std::uint32_t load_code16(const std::uint8_t* p) {
  std::uint16_t code;
  __builtin_memcpy(&code, p, sizeof code);
  return code;
}

}  // namespace
}  // namespace ryz
