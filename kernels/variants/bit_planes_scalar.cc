// `bit-planes` on plain x86-64.
#include "kernels/encodings/bit_planes.h"
#include "kernels/kernel.h"
#include "kernels/variants/lookup_scalar.h"
#include "kernels/variants/pattern_indexes.h"

namespace ryz {
namespace {

struct Lookups : ScalarSums {
  using Entry = std::uint8_t;
  static constexpr std::size_t kBlockBytes = kPattern8Block * sizeof(std::uint16_t);
  static constexpr std::size_t kBlockEntries = kPattern8Block * Planes::kBytes;
  static constexpr std::size_t kStageBlocks = 64;

  const std::int8_t* shared;

  void add(const std::uint8_t* codes, const std::uint8_t* indexes, Sum& sum) const {
    for (std::size_t g = 0; g < kPattern8Block; ++g) {
      const std::int8_t* row = shared + load_code16(codes + 2 * g) * kPattern8Entries;
      for (int b = 0; b < 7; ++b) sum += row[indexes[b * kPattern8Block + g]] * (1 << b);
      sum -= row[indexes[7 * kPattern8Block + g]] * 128;
    }
  }
};

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * pattern8_padded_groups(cols) * Planes::kBytes;
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  build_pattern_indexes<Planes>(activations, groups, static_cast<std::uint8_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  lookup_rows(Lookups{{}, bit_planes_table()}, weights, activations.tokens,
              static_cast<const std::uint8_t*>(table), rows, out, out_stride);
}

}  // namespace

extern const Kernel kernel_bit_planes_scalar;
constinit const Kernel kernel_bit_planes_scalar{
    .name = "scalar",
    .encoding = &encoding_bit_planes,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
