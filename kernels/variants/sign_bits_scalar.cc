// `sign-bits` on plain x86-64.
#include "kernels/encodings/sign_bits.h"
#include "kernels/kernel.h"
#include "kernels/variants/lookup_scalar.h"
#include "kernels/variants/pattern_indexes.h"

namespace ryz {
namespace {

struct Lookups : ScalarSums {
  using Entry = std::uint8_t;
  static constexpr std::size_t kBlockBytes = kPattern8Block * sizeof(std::uint16_t);
  static constexpr std::size_t kBlockEntries = kPattern8Block * SignBits::kBytes;
  static constexpr std::size_t kStageBlocks = 64;

  const std::int8_t* shared;

  void add(const std::uint8_t* codes, const std::uint8_t* indexes, Sum& sum) const {
    for (std::size_t g = 0; g < kPattern8Block; ++g) {
      sum += shared[load_code16(codes + 2 * g) * kPattern8Entries + indexes[g]];
    }
  }
};

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * pattern8_padded_groups(cols) * SignBits::kBytes;
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  build_pattern_indexes<SignBits>(activations, groups, static_cast<std::uint8_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  lookup_rows(Lookups{{}, sign_bits_table()}, weights, activations.tokens,
              static_cast<const std::uint8_t*>(table), rows, out, out_stride);
}

}  // namespace

extern const Kernel kernel_sign_bits_scalar;
constinit const Kernel kernel_sign_bits_scalar{
    .name = "scalar",
    .encoding = &encoding_sign_bits,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
