// Ternary rows in the formats that files hold them in. Bits count from the least significant.
//   I2_S   microsoft/BitNet: 32 bytes hold 128 weights, byte j has weights j, j+32, j+64, j+96 in
//          bits 7-6, 5-4, 3-2, 1-0, as w + 1. One f32 scale behind the whole tensor.
//   TQ2_0  llama.cpp: blocks of 256 weights in 66 bytes: two halves of 32 bytes, each 128 weights,
//          byte j has weights j, j+32, j+64, j+96 in bits 1-0, 3-2, 5-4, 7-6, as w + 1; then the
//          block's scale as a half.
//   TQ1_0  llama.cpp: blocks of 256 weights in 54 bytes. A byte b holds five trits as a fraction:
//          the first is ⌊3b/256⌋ - 1, the next that of 3b mod 256, and so on. Bytes 0..31: byte j
//          has weights j + 32n, n < 5; bytes 32..47: byte 32 + j has weights 160 + j + 16n, n < 5;
//          bytes 48..51: byte 48 + j has weights 240 + j + 4n, n < 4. Then the scale as a half.
// (ggml's quants, https://github.com/ggml-org/llama.cpp/pull/8151)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace ryz {

enum class TernaryFormat : std::uint8_t { kI2S, kTq1, kTq2 };
const char* ternary_format_name(TernaryFormat format);  // "i2_s", "tq1_0", "tq2_0"

// Weights of a block: rows are whole blocks.
std::size_t ternary_block(TernaryFormat format);
// Bytes of a row, without the tensor's scale of I2_S.
std::size_t ternary_row_bytes(TernaryFormat format, std::size_t cols);

// `cols` trits from the bytes of a row that check_ternary() accepts.
void read_ternary_row(TernaryFormat format, const std::uint8_t* bytes, std::size_t cols,
                      std::int8_t* trits);

// The inverse. `scale` (a half) goes into every block of the TQ formats.
void write_ternary_row(TernaryFormat format, const std::int8_t* trits, std::size_t cols,
                       std::uint16_t scale, std::uint8_t* bytes);

// What is wrong with the bytes of some rows.
enum class TernaryFault : std::uint8_t {
  kNone,
  kCodeThree,   // a 2-bit code that is no trit
  kBlockScale,  // a block with another scale than `scale`
};
// A block of zeros may have the scale 0, as llama.cpp writes it: it is right with any scale.
// `scale` is meaningless for I2_S.
TernaryFault check_ternary(TernaryFormat format, const std::uint8_t* bytes, std::size_t size,
                           std::uint16_t scale);

// The first scale of a block that is not 0; nothing where there is none. Not for I2_S.
std::optional<std::uint16_t> first_block_scale(TernaryFormat format, const std::uint8_t* bytes,
                                               std::size_t size);

}  // namespace ryz
