// pair-x128 on plain x86-64.
#include "kernels/encodings/pair.h"
#include "kernels/encodings/pair_x128.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"

namespace ryz {
namespace {

constexpr std::size_t kGroupEntries = 2 * kPairTableStride;

std::size_t groups_of(std::size_t cols) {
  return (cols + kPairX128GroupCols - 1) / kPairX128GroupCols;
}

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * groups_of(cols) * kGroupEntries * sizeof(std::int16_t);
}

// Activations are readable, and zero, to the end of the last group.
void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  static_assert(PairTable::kStride == kPairTableStride && PairTable::kCols == kPairCols);
  const std::size_t all = groups_of(activations.cols);
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    const std::int8_t* q = activations.q + t * activations.stride;
    for (std::size_t g = groups.begin; g < groups.end; ++g) {
      std::int16_t* entries = static_cast<std::int16_t*>(table) + (t * all + g) * kGroupEntries;
      PairTable::fill(q + g * kPairX128GroupCols, entries);
      PairTable::fill(q + g * kPairX128GroupCols + kPairCols, entries + kPairTableStride);
    }
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t groups = groups_of(weights.cols);
  for (std::size_t r = rows.begin; r < rows.end; ++r) {
    const std::uint8_t* const bytes =
        weights.data + r / kPairX128Rows * weights.tile_bytes + pair_x128_place(r % kPairX128Rows);
    for (std::size_t t = 0; t < activations.tokens; ++t) {
      const auto* entries = static_cast<const std::int16_t*>(table) + t * groups * kGroupEntries;
      std::int32_t sum = 0;
      for (std::size_t g = 0; g < groups; ++g) {
        const unsigned code = bytes[g * kPairX128GroupBytes];
        sum += entries[g * kGroupEntries + (code & 15)] +
               entries[g * kGroupEntries + kPairTableStride + (code >> 4)];
      }
      out[t * out_stride + (r - rows.begin)] = sum;
    }
  }
}

}  // namespace

extern const Kernel kernel_pair_x128_scalar;
constinit const Kernel kernel_pair_x128_scalar{
    .name = "scalar",
    .encoding = &encoding_pair_x128,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
