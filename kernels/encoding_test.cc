// Packing is a bijection of the documented layout; tables hold what arithmetic says.
#include "kernels/encoding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/buffer.h"
#include "kernels/catalogue.h"
#include "kernels/encodings/base3_x32.h"
#include "kernels/encodings/bit_planes.h"
#include "kernels/encodings/byte_value.h"
#include "kernels/encodings/pair.h"
#include "kernels/encodings/pair_x128.h"
#include "kernels/encodings/pattern8.h"
#include "kernels/encodings/quad.h"
#include "kernels/encodings/quad_x256.h"
#include "kernels/encodings/quint.h"
#include "kernels/encodings/quint_x256.h"
#include "kernels/encodings/sign_bits.h"
#include "kernels/encodings/signed_triple_x64.h"
#include "kernels/encodings/triple.h"
#include "kernels/encodings/triple_x64.h"
#include "kernels/encodings/two_bit.h"
#include "kernels/encodings/two_bit_x32.h"
#include "kernels/packed_matrix.h"
#include "kernels/ternary.h"

namespace ryz {
namespace {

std::string test_name(std::string name) {
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

// Trits without a short period: a linear congruential generator's upper bits.
std::vector<std::int8_t> some_trits(std::size_t n, std::uint32_t seed) {
  std::vector<std::int8_t> trits(n);
  for (std::int8_t& w : trits) {
    seed = seed * 1664525u + 1013904223u;
    w = static_cast<std::int8_t>(static_cast<int>((seed >> 16) % 3) - 1);
  }
  return trits;
}

class EncodingTest : public testing::TestWithParam<const Encoding*> {};

INSTANTIATE_TEST_SUITE_P(Catalogue, EncodingTest, testing::ValuesIn(built_in_catalogue().encodings),
                         [](const auto& info) { return test_name(info.param->name); });

TEST_P(EncodingTest, UnpackGivesBackWhatWasPacked) {
  const Encoding& encoding = *GetParam();
  for (std::size_t cols = 1; cols <= 600; cols += cols < 300 ? 1 : 37) {
    const std::size_t stride = round_up(cols, kActivationBlock);
    for (const std::size_t rows : {std::size_t{1}, encoding.row_tile / 2 + 1, encoding.row_tile}) {
      if (rows > encoding.row_tile) continue;
      const std::vector<std::int8_t> source =
          some_trits(rows * cols, static_cast<std::uint32_t>(cols));
      std::vector<std::int8_t> trits(rows * stride, 0);
      for (std::size_t r = 0; r < rows; ++r) {
        std::memcpy(trits.data() + r * stride, source.data() + r * cols, cols);
      }
      const std::size_t bytes = encoding.tile_bytes(cols);
      std::vector<std::uint8_t> packed(bytes + 8, 0xEE);
      encoding.pack_tile(trits.data(), stride, rows, cols, packed.data());
      for (std::size_t i = 0; i < 8; ++i) ASSERT_EQ(packed[bytes + i], 0xEE) << cols;
      // All tile_bytes are written: the same bytes over another poison.
      std::vector<std::uint8_t> again(bytes + 8, 0x11);
      encoding.pack_tile(trits.data(), stride, rows, cols, again.data());
      ASSERT_EQ(std::memcmp(packed.data(), again.data(), bytes), 0) << cols;

      std::vector<std::int8_t> back(rows * stride, 9);
      encoding.unpack_tile(packed.data(), rows, cols, back.data(), stride);
      for (std::size_t r = 0; r < rows; ++r) {
        ASSERT_EQ(std::memcmp(back.data() + r * stride, source.data() + r * cols, cols), 0)
            << rows << "x" << cols << " row " << r;
        for (std::size_t k = cols; k < stride; ++k) ASSERT_EQ(back[r * stride + k], 9);
      }
    }
  }
}

TEST_P(EncodingTest, PaddingHoldsZeroWeights) {
  const Encoding& encoding = *GetParam();
  const std::size_t cols = 1;
  std::vector<std::int8_t> trits(encoding.row_tile * kActivationBlock, 0);
  std::vector<std::uint8_t> one(encoding.tile_bytes(cols));
  std::vector<std::uint8_t> wide(encoding.tile_bytes(cols));
  // One zero weight, and as many zero weights as the bytes of one can hold.
  std::size_t most = cols;
  while (most < kActivationBlock && encoding.tile_bytes(most + 1) == one.size()) ++most;
  encoding.pack_tile(trits.data(), kActivationBlock, 1, cols, one.data());
  encoding.pack_tile(trits.data(), kActivationBlock, encoding.row_tile, most, wide.data());
  EXPECT_EQ(one, wide) << most;
}

TEST_P(EncodingTest, BitsPerWeightIsTheSizeOfALongRow) {
  const Encoding& encoding = *GetParam();
  const std::size_t cols = 16 * 9 * 5 * 256;  // whole blocks of every encoding
  EXPECT_DOUBLE_EQ(8.0 * static_cast<double>(encoding.tile_bytes(cols)) /
                       static_cast<double>(cols * encoding.row_tile),
                   encoding.bits_per_weight);
}

TEST_P(EncodingTest, IsDescribed) {
  const Encoding& encoding = *GetParam();
  EXPECT_GT(std::strlen(encoding.summary), 10u);
  EXPECT_EQ(encoding.exact, encoding.known_wrong == nullptr);
  EXPECT_EQ(encoding.table_kind == TableKind::kPattern, encoding.prepare != nullptr);
  EXPECT_EQ(encoding.table_kind == TableKind::kPattern, encoding.shared_table_bytes != 0);
  EXPECT_EQ(encoding.table_kind == TableKind::kActivations,
            encoding.activation_table_bytes != nullptr);
}

// A matrix of several tiles, the last one ragged, and of several blocks where tiles are dealt out.
TEST_P(EncodingTest, MatrixUnpacksTileByTile) {
  const Encoding& encoding = *GetParam();
  const std::size_t rows = 2 * encoding.row_tile + (encoding.row_tile + 1) / 2;
  for (const std::size_t cols : {std::size_t{7}, std::size_t{700}}) {
    const std::vector<std::int8_t> trits = some_trits(rows * cols, 7);
    const PackedMatrix matrix = pack(encoding, rows, cols, [&](std::size_t r, std::int8_t* w) {
      std::memcpy(w, trits.data() + r * cols, cols);
    });
    for (std::size_t tile = 0; tile < matrix.tiles(); ++tile) {
      std::vector<std::int8_t> back(encoding.row_tile * cols, 9);
      unpack_tile(encoding, matrix.view(), tile, back.data(), cols);
      const std::size_t first = tile * encoding.row_tile;
      const std::size_t n = std::min(encoding.row_tile, rows - first);
      ASSERT_EQ(std::memcmp(back.data(), trits.data() + first * cols, n * cols), 0)
          << cols << " columns, tile " << tile;
    }
  }
}

// The first blocks of all tiles, then the second ones, then what is left of each.
TEST(EncodingBytes, BlocksOfQuadX256) {
  constexpr std::size_t kRows = 3 * kX256Rows;
  constexpr std::size_t kGroups = 2 * kQuadX256BlockGroups + 5;
  constexpr std::size_t kCols = kQuadCols * kGroups;
  // Row 0 of tile t begins its group g with the weights of the code 9·t + g % 9.
  const PackedMatrix matrix =
      pack(encoding_quad_x256, kRows, kCols, [](std::size_t r, std::int8_t* w) {
        std::memset(w, 0, kCols);
        if (r % kX256Rows != 0) return;
        for (std::size_t g = 0; g < kGroups; ++g) {
          std::size_t code = 9 * (r / kX256Rows) + g % 9;
          for (std::size_t i = 0; i < kQuadCols; ++i, code /= 3) {
            w[g * kQuadCols + i] = static_cast<std::int8_t>(static_cast<int>(code % 3) - 1);
          }
        }
      });
  const std::uint8_t* at = matrix.view().data;
  for (const std::size_t first : {std::size_t{0}, kQuadX256BlockGroups, 2 * kQuadX256BlockGroups}) {
    const std::size_t groups = std::min(kQuadX256BlockGroups, kGroups - first);
    for (std::size_t tile = 0; tile < 3; ++tile) {
      for (std::size_t g = first; g < first + groups; ++g) {
        ASSERT_EQ(*at, 9 * tile + g % 9) << "tile " << tile << " group " << g;
        ASSERT_EQ(x256_codes<kQuadX256BlockGroups>(matrix.view(), tile, g), at);
        at += kX256GroupBytes;
      }
    }
  }
  EXPECT_EQ(at, matrix.view().data + matrix.bytes());
}

std::vector<std::uint8_t> pack_row(const Encoding& encoding, std::vector<std::int8_t> row) {
  const std::size_t cols = row.size();
  row.resize(round_up(cols, kActivationBlock), 0);
  std::vector<std::uint8_t> bytes(encoding.tile_bytes(cols));
  encoding.pack_tile(row.data(), row.size(), 1, cols, bytes.data());
  return bytes;
}

TEST(EncodingBytes, TwoBit) {
  std::vector<std::int8_t> row(256, 0);
  row[0] = -1;    // 00 in bits 1-0
  row[64] = 0;    // 01 in bits 3-2
  row[128] = 1;   // 10 in bits 5-4
  row[192] = -1;  // 00 in bits 7-6
  row[1 + 192] = 1;
  const auto bytes = pack_row(encoding_two_bit, row);
  ASSERT_EQ(bytes.size(), 64u);
  EXPECT_EQ(bytes[0], 0b00100100);
  EXPECT_EQ(bytes[1], 0b10010101);
  EXPECT_EQ(bytes[2], 0b01010101);
}

TEST(EncodingBytes, TwoBitX32) {
  std::vector<std::int8_t> trits(32 * 256, 0);
  std::int8_t* row3 = trits.data() + 3 * 256;
  row3[0] = -1;   // group 0, field 0 of byte 0
  row3[5] = 1;    // field 1 of byte 1
  row3[15] = -1;  // field 3 of byte 3
  row3[16] = 1;   // group 1, field 0 of byte 0
  std::vector<std::uint8_t> bytes(encoding_two_bit_x32.tile_bytes(17));
  ASSERT_EQ(bytes.size(), 256u);
  encoding_two_bit_x32.pack_tile(trits.data(), 256, 32, 17, bytes.data());
  EXPECT_EQ(bytes[12], 0b01010100);
  EXPECT_EQ(bytes[13], 0b01011001);
  EXPECT_EQ(bytes[14], 0b01010101);
  EXPECT_EQ(bytes[15], 0b00010101);
  EXPECT_EQ(bytes[128 + 12], 0b01010110);
  EXPECT_EQ(bytes[0], 0b01010101);
}

TEST(EncodingBytes, Quint) {
  const auto bytes = pack_row(encoding_quint, {1, 0, -1, 1, 1, -1});
  ASSERT_EQ(bytes.size(), 16u);
  EXPECT_EQ(bytes[0], 2 + 1 * 3 + 0 * 9 + 2 * 27 + 2 * 81);
  EXPECT_EQ(bytes[1], 120);  // −1, then four zeros of padding
  EXPECT_EQ(bytes[15], 121);
}

TEST(EncodingBytes, Quad) {
  const auto bytes = pack_row(encoding_quad, {1, 0, -1, 1, 1, -1});
  ASSERT_EQ(bytes.size(), 16u);
  EXPECT_EQ(bytes[0], 2 + 1 * 3 + 0 * 9 + 2 * 27);
  EXPECT_EQ(bytes[1], 2 + 0 * 3 + 1 * 9 + 1 * 27);  // two zeros of padding
  EXPECT_EQ(bytes[15], 40);
}

TEST(EncodingBytes, QuadX256) {
  std::vector<std::int8_t> trits(256 * 256, 0);
  std::int8_t* row = trits.data() + 0x56 * 256;  // r7..r0 = 01010110
  row[0] = 1;
  row[3] = -1;
  row[4] = 1;
  std::vector<std::uint8_t> bytes(encoding_quad_x256.tile_bytes(5));
  ASSERT_EQ(bytes.size(), 512u);
  encoding_quad_x256.pack_tile(trits.data(), 256, 256, 5, bytes.data());
  constexpr std::size_t kPlace = 0x55;  // r7 r6 r3 r2 r5 r1 r0 r4 = 01010101
  EXPECT_EQ(bytes[kPlace], 2 + 1 * 3 + 1 * 9 + 0 * 27);
  EXPECT_EQ(bytes[256 + kPlace], 41);
  EXPECT_EQ(bytes[kPlace - 1], 40);
  std::vector<bool> taken(256);
  for (std::size_t r = 0; r < 256; ++r) {
    ASSERT_LT(x256_place(r), 256u);
    EXPECT_FALSE(taken[x256_place(r)]) << r;
    taken[x256_place(r)] = true;
  }
}

TEST(EncodingBytes, QuintX256) {
  std::vector<std::int8_t> trits(256 * 256, 0);
  std::int8_t* row = trits.data() + 0x27 * 256;  // r5 and r2-r0 set
  row[0] = -1;
  row[4] = 1;
  row[5] = 1;
  row[8] = -1;
  std::vector<std::uint8_t> bytes(encoding_quint_x256.tile_bytes(9));
  ASSERT_EQ(bytes.size(), 512u);
  encoding_quint_x256.pack_tile(trits.data(), 256, 256, 9, bytes.data());
  constexpr std::size_t kPlace = 0x1E;  // r7 r6 r3 r2 r5 r1 r0 r4 = 00011110
  EXPECT_EQ(bytes[kPlace], 81 - 1);
  EXPECT_EQ(bytes[256 + kPlace], 128 + 27 - 1);
  EXPECT_EQ(bytes[kPlace + 1], 0);
}

TEST(EncodingBytes, PairX128) {
  std::vector<std::int8_t> trits(128 * 256, 0);
  std::int8_t* row = trits.data() + 0x4D * 256;  // r6, r3, r2 and r0 set
  row[0] = 1;
  row[1] = -1;
  row[3] = 1;
  row[4] = -1;
  std::vector<std::uint8_t> bytes(encoding_pair_x128.tile_bytes(5));
  ASSERT_EQ(bytes.size(), 256u);
  encoding_pair_x128.pack_tile(trits.data(), 256, 128, 5, bytes.data());
  constexpr std::size_t kPlace = 0x53;  // r6 r5 r2 r4 r1 r0 r3 = 1010011
  EXPECT_EQ(bytes[kPlace], 2 | (1 + 3 * 2) << 4);
  EXPECT_EQ(bytes[128 + kPlace], 3 | 4 << 4);
  EXPECT_EQ(bytes[kPlace + 1], 0x44);
}

TEST(EncodingBytes, TripleX64) {
  std::vector<std::int8_t> trits(64 * 256, 0);
  std::int8_t* row5 = trits.data() + 5 * 256;
  row5[0] = 1;   // unit 0, code 0, first place
  row5[5] = -1;  // code 1, last place
  row5[9] = -1;  // unit 1, code 0
  std::vector<std::uint8_t> bytes(encoding_triple_x64.tile_bytes(10));
  ASSERT_EQ(bytes.size(), 256u);
  encoding_triple_x64.pack_tile(trits.data(), 256, 64, 10, bytes.data());
  const auto word = [&](std::size_t at) { return bytes[at] | bytes[at + 1] << 8; };
  EXPECT_EQ(word(10), 14 | 4 << 5 | 13 << 10);
  EXPECT_EQ(word(128 + 10), 12 | 13 << 5 | 13 << 10);
  EXPECT_EQ(word(0), 13 | 13 << 5 | 13 << 10);
}

TEST(EncodingBytes, SignedTripleX64) {
  std::vector<std::int8_t> trits(64 * 256, 0);
  std::int8_t* row = trits.data() + 0x2B * 256;  // r5, r3, r1 and r0 set
  row[0] = -1;                                   // unit 0, triple 0: -1
  row[4] = 1;                                    // triple 1: 3 - 9
  row[5] = -1;
  row[23] = 1;   // triple 7: 9
  row[24] = -1;  // unit 1, triple 0: -1 + 3
  row[25] = 1;
  std::vector<std::uint8_t> bytes(encoding_signed_triple_x64.tile_bytes(26));
  ASSERT_EQ(bytes.size(), 640u);
  encoding_signed_triple_x64.pack_tile(trits.data(), 256, 64, 26, bytes.data());
  constexpr std::size_t kPlace = 0x27;  // r5 r2 r4 r1 r0 r3 = 100111
  EXPECT_EQ(bytes[kPlace], 1 | 6 << 4);
  EXPECT_EQ(bytes[64 + kPlace], 0);
  EXPECT_EQ(bytes[192 + kPlace], 9 << 4);
  EXPECT_EQ(bytes[256 + kPlace], 0xC0);
  EXPECT_EQ(bytes[320 + kPlace], 2);
  EXPECT_EQ(bytes[320 + 256 + kPlace], 0);
  EXPECT_EQ(bytes[kPlace + 1], 0);
}

TEST(EncodingBytes, Base3X32) {
  std::vector<std::int8_t> trits(32 * 256, 0);
  std::int8_t* row3 = trits.data() + 3 * 256;
  for (const int k : {0, 4, 8, 12, 16}) row3[k] = 1;  // byte 0: code 80, fifth digit 2
  row3[17] = -1;                                      // byte 1: code 40, fifth digit 0
  row3[20] = -1;                                      // group 1, byte 0
  std::vector<std::uint8_t> bytes(encoding_base3_x32.tile_bytes(21));
  ASSERT_EQ(bytes.size(), 256u);
  encoding_base3_x32.pack_tile(trits.data(), 256, 32, 21, bytes.data());
  EXPECT_EQ(bytes[12], 192 + 2 * 17 + 16);
  EXPECT_EQ(bytes[13], 40);
  EXPECT_EQ(bytes[14], 64 + 40);
  EXPECT_EQ(bytes[128 + 12], 64 + 39);
}

TEST(EncodingBytes, Triple) {
  const auto bytes = pack_row(encoding_triple, {1, 0, -1, -1, -1, -1, 1, 1, 1, -1});
  ASSERT_EQ(bytes.size(), 32u);
  const unsigned first = (2 + 1 * 3 + 0 * 9) | 0 << 5 | 26 << 10;
  EXPECT_EQ(bytes[0], first & 255);
  EXPECT_EQ(bytes[1], first >> 8);
  const unsigned second = 12 | 13 << 5 | 13 << 10;
  EXPECT_EQ(bytes[2], second & 255);
  EXPECT_EQ(bytes[3], second >> 8);
}

TEST(EncodingBytes, Pair) {
  const auto bytes = pack_row(encoding_pair, {1, -1, 0, 1, -1});
  ASSERT_EQ(bytes.size(), 8u);
  EXPECT_EQ(bytes[0], 0x72);  // low nibble 2 + 0·3, high 1 + 2·3
  EXPECT_EQ(bytes[1], 0x43);  // −1 and padding: 0 + 1·3; then two zeros: 4
  EXPECT_EQ(bytes[7], 0x44);
}

TEST(EncodingBytes, Patterns) {
  for (const Encoding* encoding :
       {&encoding_sign_bits, &encoding_byte_value, &encoding_bit_planes}) {
    const auto bytes = pack_row(*encoding, {1, 0, -1, 0, 1, 1, -1, 1, -1});
    ASSERT_EQ(bytes.size(), 32u);
    const unsigned code = 2 + 3 * (1 + 3 * (0 + 3 * (1 + 3 * (2 + 3 * (2 + 3 * (0 + 3 * 2))))));
    EXPECT_EQ(bytes[0] | bytes[1] << 8, static_cast<int>(code));
    EXPECT_EQ(bytes[2] | bytes[3] << 8, 3279);
    EXPECT_EQ(bytes[30] | bytes[31] << 8, 3280);
  }
}

// Weight i of a pattern, written otherwise than the packer does it.
int pattern_weight(int code, int i) {
  for (int step = 0; step < i; ++step) code /= 3;
  return code % 3 - 1;
}

TEST(SharedTable, SignBits) {
  encoding_sign_bits.prepare();
  encoding_sign_bits.prepare();  // idempotent
  int wrong = 0;
  for (int p = 0; p < 6561; ++p) {
    for (int m = 0; m < 256; ++m) {
      int sum = 0;
      for (int i = 0; i < 8; ++i) sum += pattern_weight(p, i) * ((m >> i & 1) != 0 ? 1 : -1);
      wrong += sign_bits_table()[p * 256 + m] != sum;
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(SharedTable, ByteValue) {
  encoding_byte_value.prepare();
  int wrong = 0;
  for (int p = 0; p < 6561; ++p) {
    int weights = 0;
    for (int i = 0; i < 8; ++i) weights += pattern_weight(p, i);
    for (int b = 0; b < 256; ++b) {
      wrong += byte_value_table()[p * 256 + b] != (b < 128 ? b : b - 256) * weights;
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(SharedTable, BitPlanes) {
  encoding_bit_planes.prepare();
  int wrong = 0;
  for (int p = 0; p < 6561; ++p) {
    for (int m = 0; m < 256; ++m) {
      int sum = 0;
      for (int i = 0; i < 8; ++i) sum += pattern_weight(p, i) * (m >> i & 1);
      wrong += bit_planes_table()[p * 256 + m] != sum;
    }
  }
  EXPECT_EQ(wrong, 0);
}

// Activation tables as every kernel of the encoding builds them: entry c of group g is Σ
// w_i(c)·q_i.
struct TableLayout {
  const char* encoding;
  std::size_t cols;
  std::size_t entries;
  std::size_t stride;
};

class ActivationTableTest : public testing::TestWithParam<TableLayout> {};

INSTANTIATE_TEST_SUITE_P(Encodings, ActivationTableTest,
                         testing::Values(TableLayout{"quint", 5, 243, 256},
                                         TableLayout{"quad", 4, 81, 128},
                                         TableLayout{"triple_x64", 3, 27, 32},
                                         TableLayout{"triple", 3, 27, 32},
                                         TableLayout{"pair", 2, 9, 16}),
                         [](const auto& info) { return std::string(info.param.encoding); });

TEST_P(ActivationTableTest, HoldsEverySum) {
  const TableLayout layout = GetParam();
  for (const Kernel* kernel : built_in_catalogue().kernels) {
    if (test_name(kernel->encoding->name) != layout.encoding) continue;
    if (!why_not_runnable(*kernel).empty()) continue;
    const std::size_t tokens = 2;
    for (const std::size_t cols : {1, 5, 127, 256, 257, 1021}) {
      const std::size_t row = round_up(cols, kActivationBlock);
      std::vector<std::int8_t> q(tokens * row, 0);
      std::vector<std::int32_t> sums(tokens, 0);
      for (std::size_t i = 0; i < q.size(); ++i) {
        if (i % row < cols) q[i] = static_cast<std::int8_t>(i % 5 == 0 ? 128 : i * 37);
      }
      const std::size_t bytes = kernel->table_bytes(cols, tokens);
      EXPECT_EQ(bytes, tokens * kernel->encoding->activation_table_bytes(cols));
      const std::size_t groups = (cols + layout.cols - 1) / layout.cols;
      Buffer storage(bytes);
      std::memset(storage.data(), 0x7F, bytes);
      kernel->build({q.data(), row, tokens, cols, sums.data()}, {0, groups}, storage.data());
      const std::int16_t* table = storage.as<std::int16_t>();
      const std::size_t padded = bytes / 2 / layout.stride / tokens;
      for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t g = 0; g < padded; ++g) {
          for (std::size_t c = 0; c < layout.entries; ++c) {
            int sum = 0;
            for (std::size_t i = 0; i < layout.cols; ++i) {
              const std::size_t k = g * layout.cols + i;
              if (k < cols) {
                sum += pattern_weight(static_cast<int>(c), static_cast<int>(i)) * q[t * row + k];
              }
            }
            ASSERT_EQ(table[(t * padded + g) * layout.stride + c], sum)
                << kernel->name << " cols " << cols << " token " << t << " group " << g << " code "
                << c;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ryz
