// triple-x64 on plain x86-64.
#include "kernels/encodings/triple.h"
#include "kernels/encodings/triple_x64.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"
#include "kernels/variants/lookup_scalar.h"

namespace ryz {
namespace {

constexpr std::size_t kUnitEntries = kTripleCodesPerWord * kTripleTableStride;

std::size_t units_of(std::size_t cols) { return (cols + kTripleWordCols - 1) / kTripleWordCols; }

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * units_of(cols) * kUnitEntries * sizeof(std::int16_t);
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  static_assert(TripleTable::kStride == kTripleTableStride && TripleTable::kCols == kTripleCols);
  build_activation_tables<TripleTable>(activations, groups,
                                       units_of(activations.cols) * kTripleCodesPerWord,
                                       static_cast<std::int16_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t units = units_of(weights.cols);
  for (std::size_t first = rows.begin; first < rows.end; first += kTripleX64Rows) {
    const std::uint8_t* tile = weights.data + first / kTripleX64Rows * weights.tile_bytes;
    const std::size_t left = rows.end - first;
    const std::size_t live = left < kTripleX64Rows ? left : kTripleX64Rows;
    for (std::size_t t = 0; t < activations.tokens; ++t) {
      const std::int16_t* entries =
          static_cast<const std::int16_t*>(table) + t * units * kUnitEntries;
      std::int32_t* y = out + t * out_stride + (first - rows.begin);
      for (std::size_t r = 0; r < live; ++r) y[r] = 0;
      for (std::size_t u = 0; u < units; ++u) {
        const std::int16_t* unit = entries + u * kUnitEntries;
        for (std::size_t r = 0; r < live; ++r) {
          const std::uint32_t word = load_code16(tile + u * kTripleX64UnitBytes + 2 * r);
          y[r] += unit[word & 31] + unit[kTripleTableStride + (word >> 5 & 31)] +
                  unit[2 * kTripleTableStride + (word >> 10)];
        }
      }
    }
  }
}

}  // namespace

extern const Kernel kernel_triple_x64_scalar;
constinit const Kernel kernel_triple_x64_scalar{
    .name = "scalar",
    .encoding = &encoding_triple_x64,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
