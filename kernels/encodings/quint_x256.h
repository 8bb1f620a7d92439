// `quint-x256`: five weights a byte with 256 rows interleaved, for lookups in registers (1.6 bits a
// weight). A tile of 256 rows is ceil(K / 5) groups of 256 bytes, in blocks of 36, a byte a row in
// the order of x256.h: the sign (bit 7) and the magnitude (bits 6-0) of v = Σ w_i·3^i, |v| ≤ 121,
// of the weights 5g .. 5g + 4. v = 0 has the sign 0. Columns past K and the missing rows of a
// ragged tile hold 0.
//
// Tables, one token: for each group 128 int16 of which the first 122 are T[|v|] = Σ w_i(|v|)·q_i,
// |T| ≤ 5·128 = 640; a row's sum is T or -T. The idea: mirror consolidation as in BitNet's TL2
// (three weights, a sign a group), with five weights, so that the half that is left fits the two
// registers that one lookup by vpermi2b reads.
#pragma once

#include "kernels/encoding.h"
#include "kernels/encodings/x256.h"

namespace ryz {

inline constexpr std::size_t kQuintX256TableStride = 128;  // int16 elements
inline constexpr unsigned kQuintX256Entries = 122;
inline constexpr std::size_t kQuintX256BlockGroups = 36;

// v of a byte.
constexpr int quint_x256_value(std::uint8_t code) {
  return code < 128 ? code : -static_cast<int>(code & 127u);
}

extern const Encoding encoding_quint_x256;

}  // namespace ryz
