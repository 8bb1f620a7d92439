// Instruction sets as facts: what a file was compiled with, what CPU and OS allow, what a user
// masked.
#pragma once

#include <cstdint>

namespace ryz {

// A set of x86-64 extensions beyond the SSE2 baseline. A plain aggregate of one word so that
// ISA-flagged files can hold one without emitting code.
struct IsaSet {
  std::uint32_t bits = 0;

  friend constexpr bool operator==(IsaSet, IsaSet) = default;
};

enum IsaBit : std::uint32_t {
  kIsaAvx = 1u << 0,
  kIsaAvx2 = 1u << 1,
  kIsaFma = 1u << 2,
  kIsaF16c = 1u << 3,
  kIsaBmi = 1u << 4,
  kIsaBmi2 = 1u << 5,
  kIsaAvx512f = 1u << 6,
  kIsaAvx512bw = 1u << 7,
  kIsaAvx512dq = 1u << 8,
  kIsaAvx512vl = 1u << 9,
  kIsaAvx512cd = 1u << 10,
  kIsaAvx512vbmi = 1u << 11,
  kIsaAvx512vnni = 1u << 12,
  kIsaGfni = 1u << 13,
  kIsaAmxTile = 1u << 14,
  kIsaAmxInt8 = 1u << 15,
};

}  // namespace ryz

namespace {

// The instruction sets the including file was compiled with: what its compiler may emit, and so
// exactly what the CPU must have. In an anonymous namespace because the value differs per file.
[[maybe_unused]] constexpr ryz::IsaSet kCompiledIsa{
#ifdef __AVX__
    ryz::kIsaAvx |
#endif
#ifdef __AVX2__
    ryz::kIsaAvx2 |
#endif
#ifdef __FMA__
    ryz::kIsaFma |
#endif
#ifdef __F16C__
    ryz::kIsaF16c |
#endif
#ifdef __BMI__
    ryz::kIsaBmi |
#endif
#ifdef __BMI2__
    ryz::kIsaBmi2 |
#endif
#ifdef __AVX512F__
    ryz::kIsaAvx512f |
#endif
#ifdef __AVX512BW__
    ryz::kIsaAvx512bw |
#endif
#ifdef __AVX512DQ__
    ryz::kIsaAvx512dq |
#endif
#ifdef __AVX512VL__
    ryz::kIsaAvx512vl |
#endif
#ifdef __AVX512CD__
    ryz::kIsaAvx512cd |
#endif
#ifdef __AVX512VBMI__
    ryz::kIsaAvx512vbmi |
#endif
#ifdef __AVX512VNNI__
    ryz::kIsaAvx512vnni |
#endif
#ifdef __GFNI__
    ryz::kIsaGfni |
#endif
#ifdef __AMX_TILE__
    ryz::kIsaAmxTile |
#endif
#ifdef __AMXTILE__  // as clang below 16 spells it
    ryz::kIsaAmxTile |
#endif
#ifdef __AMX_INT8__
    ryz::kIsaAmxInt8 |
#endif
#ifdef __AMXINT8__
    ryz::kIsaAmxInt8 |
#endif
    0u};

}  // namespace
