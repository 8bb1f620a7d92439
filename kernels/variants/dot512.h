// vpdpbusd on accumulators that stay where they are.
#pragma once

#include <immintrin.h>

namespace ryz {
namespace {

// sums + four products of unsigned × signed bytes a dword. By its intrinsic g++ 12 copies
// accumulators to other registers and back, and spills some once there are sixteen.
inline __m512i add_dot(__m512i sums, __m512i unsigned_bytes, __m512i signed_bytes) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(unsigned_bytes), "v"(signed_bytes));
  return sums;
}

}  // namespace
}  // namespace ryz
