// two-bit-x32 by vector tables alone, a block of 32 tokens at a time; what a block lacks counts as
// zeros, so that it takes as long as a whole one.
#include <new>

#include "kernels/scratch.h"
#include "kernels/variants/two_bit_x32_vectors_avx512.h"

namespace ryz {
namespace {

std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

std::size_t blocks_of(std::size_t tokens) { return (tokens + kTokens - 1) / kTokens; }

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return blocks_of(tokens) * BlockLayout{groups_of(cols)}.bytes();
}

void build(const Activations& activations, GroupRange columns, void* table) noexcept {
  const BlockLayout layout{groups_of(activations.cols)};
  for (std::size_t t = 0; t < activations.tokens; t += kTokens) {
    build_block(activations.q + t * activations.stride, activations.stride,
                smaller(kTokens, activations.tokens - t), layout, columns,
                static_cast<std::uint8_t*>(table) + t / kTokens * layout.bytes());
  }
}

void run(Lookups& lookups) {
  while (!lookups.done()) {
    lookups.begin_group();
    for (std::size_t tile = 0; tile < lookups.tiles(); ++tile) {
      const std::uint8_t* codes = lookups.begin_tile(tile);
      if (lookups.empty()) {
        add_tile<true>(lookups.tables(), codes, lookups.sums(tile));
      } else {
        add_tile<false>(lookups.tables(), codes, lookups.sums(tile));
      }
    }
    lookups.end_group();
  }
}

// In small pages where there is no memory for huge ones.
[[gnu::noinline]] void run_on_the_stack(const Lookups::Operands& operands) {
  Lookups lookups(operands);
  run(lookups);
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const BlockLayout layout{weights.tile_bytes / kTwoBitX32GroupBytes};
  void* const scratch = thread_scratch(sizeof(Lookups));
  constexpr std::size_t kMostRows = kMostTableTiles * kTwoBitX32Rows;
  for (std::size_t t = 0; t < activations.tokens; t += kTokens) {
    for (std::size_t first = rows.begin; first < rows.end; first += kMostRows) {
      const std::size_t n = smaller(kMostRows, rows.end - first);
      const Lookups::Operands operands{
          .codes = weights.data + first / kTwoBitX32Rows * weights.tile_bytes,
          .tile_bytes = weights.tile_bytes,
          .tiles = (n + kTwoBitX32Rows - 1) / kTwoBitX32Rows,
          .layout = layout,
          .block = static_cast<const std::uint8_t*>(table) + t / kTokens * layout.bytes(),
          .out = out + t * out_stride + (first - rows.begin),
          .out_stride = out_stride,
          .rows = n,
          .tokens = smaller(kTokens, activations.tokens - t),
      };
      if (scratch == nullptr) {
        run_on_the_stack(operands);
      } else {
        run(*new (scratch) Lookups(operands));
      }
    }
  }
}

}  // namespace

extern const Kernel kernel_two_bit_x32_avx512_vbmi;
constinit const Kernel kernel_two_bit_x32_avx512_vbmi{
    .name = "avx512-vbmi",
    .encoding = &encoding_two_bit_x32,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
    .token_block = kTokens,
};

}  // namespace ryz
