// signed-triple-x64 on plain x86-64.
#include "kernels/encodings/signed_triple_x64.h"
#include "kernels/kernel.h"
#include "kernels/variants/signed_triple_tables.h"

namespace ryz {
namespace {

constexpr std::size_t kRows = kSignedTripleX64Rows;
constexpr std::size_t kStride = kSignedTripleTableStride;

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * encoding_signed_triple_x64.activation_table_bytes(cols);
}

void fill(const std::int8_t* q, std::int16_t* entries) {
  for (int s = 0; s < static_cast<int>(kStride); ++s) {
    int sum = 0;
    for (unsigned i = 0; i < kSignedTripleCols && s < static_cast<int>(kSignedTripleEntries); ++i) {
      sum += signed_triple_weight(s, i) * q[i];
    }
    entries[s] = static_cast<std::int16_t>(sum);
  }
}

void build(const Activations& activations, GroupRange triples, void* table) noexcept {
  for_each_triple(activations, triples, [table](const std::int8_t* q, std::size_t triple) {
    fill(q, static_cast<std::int16_t*>(table) + triple * kStride);
  });
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t units = signed_triple_units(weights.cols);
  for (std::size_t r = rows.begin; r < rows.end; ++r) {
    const std::uint8_t* const codes =
        weights.data + r / kRows * weights.tile_bytes + signed_triple_place(r % kRows);
    for (std::size_t t = 0; t < activations.tokens; ++t) {
      const auto* entries =
          static_cast<const std::int16_t*>(table) + t * units * kSignedTriplesOfUnit * kStride;
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < units * kSignedTriplesOfUnit; ++i) {
        const std::uint8_t* unit = codes + i / kSignedTriplesOfUnit * kSignedTripleUnitBytes;
        const std::size_t triple = i % kSignedTriplesOfUnit;
        const unsigned magnitude = unit[triple / 2 * kRows] >> (4 * (triple % 2)) & 15;
        const bool negative = (unit[kSignedTripleSigns] >> (7 - triple) & 1) != 0;
        const int entry = entries[i * kStride + magnitude];
        sum += negative ? -entry : entry;
      }
      out[t * out_stride + (r - rows.begin)] = sum;
    }
  }
}

}  // namespace

extern const Kernel kernel_signed_triple_x64_scalar;
constinit const Kernel kernel_signed_triple_x64_scalar{
    .name = "scalar",
    .encoding = &encoding_signed_triple_x64,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
