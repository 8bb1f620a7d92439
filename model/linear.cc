#include "model/linear.h"

#include <algorithm>

#include "kernels/reference.h"
#include "model/ops.h"
#include "model/product_groups.h"

namespace ryz {
namespace {

// Sums of one kernel call. Fewer rows a call would keep them inside a second-level cache, but leave
// a kernel with tables for a prompt fewer rows to share them among; a quarter of this was slower.
constexpr std::size_t kSumsBytes = std::size_t{1} << 20;

// Tables built at a time: in a last-level cache, beside a matrix.
constexpr std::size_t kTableBytes = std::size_t{8} << 20;

// The stride between tokens' sums: a line more than the rows, which are often a power of two; with
// such a stride all tokens' sums would fall into a few cache sets.
constexpr std::size_t sums_stride(std::size_t rows) { return round_up(rows, kLineFloats) + 16; }

// Tokens whose tables are built at a time: all but for the tables of a long prompt, which can be a
// hundred times the activations; both building and multiplying would wait for memory. Evenly, and
// by whole blocks of tokens; by eights where the kernel does not say.
std::size_t tokens_at_a_time(const Kernel* kernel, std::size_t cols, std::size_t tokens) {
  if (kernel == nullptr || kernel->table_bytes == nullptr) return tokens;
  const std::size_t block = std::max<std::size_t>(8, kernel->token_block);
  const std::size_t blocks =
      kTableBytes / std::max<std::size_t>(1, kernel->table_bytes(cols, block));
  const std::size_t most = std::max<std::size_t>(1, blocks) * block;
  const std::size_t parts = (tokens + most - 1) / most;
  return std::min(tokens, round_up((tokens + parts - 1) / parts, block));
}

const Kernel* kernel_of(const Combination& combination) {
  return combination.requested == nullptr ? nullptr : combination.executed;
}

// Where static scheduling deals out blocks a team may share out columns instead of rows.
bool by_columns(const Combination& combination, std::size_t tokens) {
  const Kernel* kernel = kernel_of(combination);
  const Schedule& schedule = combination.schedule;
  return kernel != nullptr && kernel->multiply_columns != nullptr && tokens == 1 &&
         schedule.loop.kind == LoopKind::kStatic && schedule.loop.grain == 0 &&
         schedule.output == OutputPolicy::kAligned && schedule.scratch == ScratchPolicy::kArenas;
}

void add(const std::int32_t* from, std::size_t n, std::int32_t* to) {
  for (std::size_t i = 0; i < n; ++i) to[i] += from[i];
}

void build_table(Flow& flow, const Kernel& kernel, const Activations& activations, void* table) {
  const std::size_t group_cols = kernel.encoding->group_cols;
  const std::size_t groups = (activations.cols + group_cols - 1) / group_cols;
  const std::size_t units = (groups + kBuildAlign - 1) / kBuildAlign;
  flow.step([&](Worker& worker) {
    const std::size_t begin = units * worker.index() / worker.count() * kBuildAlign;
    const std::size_t end =
        std::min(groups, units * (worker.index() + 1) / worker.count() * kBuildAlign);
    if (begin < end) kernel.build(activations, {begin, end}, table);
  });
}

}  // namespace

void QuantizedBatch::reserve_table(const Kernel& kernel) {
  if (kernel.table_bytes == nullptr) return;
  const std::size_t bytes = kernel.table_bytes(cols_, tokens_at_a_time(&kernel, cols_, tokens_));
  if (table_.size() < bytes) table_ = Buffer(bytes, Pages::kHuge);
}

// One product step. Rows are also counted through all its products, each padded to whole tiles:
// the `global` row of tile i is i · row_tile. Iterations are the tiles, of one part of the tokens
// after the other where parts are dealt out, too.
struct LinearRunner::Plan {
  const Kernel* kernel = nullptr;  // null: the naive product
  const Product* products = nullptr;
  std::size_t count = 0;
  std::size_t row_tile = 1;
  std::size_t tiles = 0;
  std::size_t tokens = 0;
  std::size_t part_tokens = 0;  // that a kernel call gets; the last part may have fewer
  bool parts_dealt = false;     // else each chunk has all parts
  Activations activations;
  const void* table = nullptr;
  const float* activation_scales = nullptr;  // null: 1
  bool locked_pool = false;
  // Results of a chunk go to a block of their own first, since y's lines have several owners.
  bool blocks = false;
  std::size_t known_rows = 0;  // rows of a chunk where the schedule fixes them, else 0

  // First float of the block of the chunk that begins at a global row; chunk [tokens][rows].
  std::size_t block_start(std::size_t global) const {
    return global * round_up(tokens, kLineFloats);
  }
  std::size_t tiles_at(std::size_t i) const { return tiles_of(*products[i].source, row_tile); }
  std::size_t parts() const { return (tokens + part_tokens - 1) / part_tokens; }

  // A chunk covers whole cache lines of every product's y.
  bool lines_are_whole(const Schedule& schedule) const;
};

bool LinearRunner::Plan::lines_are_whole(const Schedule& schedule) const {
  const bool blocks_are_aligned =
      schedule.loop.kind == LoopKind::kStatic && schedule.loop.grain == 0;
  const std::size_t grain = std::max<std::size_t>(1, schedule.loop.grain);
  if (!blocks_are_aligned && grain * row_tile % kLineFloats != 0) return false;
  std::size_t base = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto address = reinterpret_cast<std::uintptr_t>(products[i].y);
    if (address % (kLineFloats * sizeof(float)) != 0 || base * row_tile % kLineFloats != 0) {
      return false;
    }
    if (tokens > 1 && products[i].source->rows % kLineFloats != 0) return false;
    base += tiles_at(i);
  }
  return true;
}

// What one product contributes to a chunk, before it is split by memory.
struct LinearRunner::Part {
  const Product* product;
  std::size_t begin, end;  // rows
  float* out;              // of row `begin`, token 0
  std::size_t out_stride;  // floats between tokens
};

// Sums of rows [begin, end) as floats.
void LinearRunner::store_floats(const Part& part, std::size_t begin, std::size_t end,
                                std::size_t tokens, const std::int32_t* sums, std::size_t stride,
                                const float* activation_scales) {
  for (std::size_t t = 0; t < tokens; ++t) {
    float factor = part.product->source->scale;
    if (activation_scales != nullptr) factor *= activation_scales[t];
    scale(sums + t * stride, factor, end - begin,
          part.out + t * part.out_stride + (begin - part.begin));
  }
}

// What product i, which begins at iteration `base`, contributes to the chunk [begin, end); where
// its results go to a block, the block's end is written down.
LinearRunner::Part LinearRunner::part_of(const Plan& plan, std::size_t i, std::size_t base,
                                         std::size_t begin, std::size_t end,
                                         std::size_t first_token) {
  const Product& product = plan.products[i];
  const std::size_t rows = product.source->rows;
  const std::size_t from = std::max(begin, base);
  const std::size_t to = std::min(end, base + plan.tiles_at(i));
  Part part{&product, (from - base) * plan.row_tile, std::min((to - base) * plan.row_tile, rows),
            nullptr, 0};
  if (plan.blocks) {
    const std::size_t global = from * plan.row_tile;
    part.out_stride = part.end - part.begin;
    part.out = blocks_.as<float>() + plan.block_start(global) + first_token * part.out_stride;
    if (plan.known_rows == 0) ends_.as<std::size_t>()[global] = to * plan.row_tile;
  } else {
    part.out = product.y + first_token * rows + part.begin;
    part.out_stride = rows;
  }
  return part;
}

void LinearRunner::run_chunk(Worker& worker, const Plan& plan, std::size_t begin, std::size_t end) {
  for (std::size_t p = 0; p < plan.parts(); ++p) {
    const std::size_t base = plan.parts_dealt ? p * plan.tiles : 0;
    const std::size_t from = std::max(begin, base);
    const std::size_t to = std::min(end, base + plan.tiles);
    if (from >= to) continue;
    const std::size_t first = p * plan.part_tokens;
    run_tiles(worker, plan, {first, std::min(plan.tokens, first + plan.part_tokens)}, from - base,
              to - base);
  }
}

void LinearRunner::run_tiles(Worker& worker, const Plan& plan, TokenRange range, std::size_t begin,
                             std::size_t end) {
  const std::size_t tokens = range.end - range.begin;
  Activations activations = plan.activations;
  activations.q += range.begin * activations.stride;
  activations.sums += range.begin;
  activations.tokens = tokens;
  const auto* table = static_cast<const std::byte*>(plan.table);
  if (range.begin != 0 && plan.kernel->table_bytes != nullptr) {
    table += plan.kernel->table_bytes(activations.cols, range.begin);
  }
  const float* const scales =
      plan.activation_scales == nullptr ? nullptr : plan.activation_scales + range.begin;
  // The rows of a kernel call: as many whole tiles as the sums' memory allows, evenly.
  const std::size_t affordable = kSumsBytes / sizeof(std::int32_t) / tokens;
  const std::size_t most_tiles = std::max<std::size_t>(1, affordable / plan.row_tile);
  const std::size_t pieces = (end - begin + most_tiles - 1) / most_tiles;
  const std::size_t piece_tiles = (end - begin + pieces - 1) / pieces;
  const std::size_t stride = sums_stride(piece_tiles * plan.row_tile);
  const std::size_t sums_bytes = tokens * stride * sizeof(std::int32_t);
  const std::size_t row_bytes =
      plan.kernel == nullptr ? round_up(activations.cols, kActivationBlock) : 0;
  auto* const scratch =
      static_cast<std::byte*>(plan.locked_pool ? worker.pool().acquire(sums_bytes + row_bytes)
                                               : worker.arena(sums_bytes + row_bytes));
  auto* const sums = reinterpret_cast<std::int32_t*>(scratch);
  auto* const trits = reinterpret_cast<std::int8_t*>(scratch + sums_bytes);

  for (std::size_t piece = begin; piece < end; piece += piece_tiles) {
    const std::size_t piece_end = std::min(end, piece + piece_tiles);
    if (plan.kernel != nullptr) {
      const PackedMatrix& matrix = *plan.products[0].packed.matrix;
      const std::size_t first = plan.products[0].packed.first_tile;
      const RowRange rows{(first + piece) * plan.row_tile,
                          std::min((first + piece_end) * plan.row_tile, matrix.rows())};
      plan.kernel->multiply(matrix.view(), activations, table, rows, sums, stride);
    }
    std::size_t base = 0;  // the product's first iteration
    std::size_t of = 0;
    for_each_part(
        plan.count, piece, piece_end, [&](std::size_t i) { return plan.tiles_at(i); },
        [&](std::size_t i, std::size_t from, std::size_t to) {
          for (; of < i; ++of) base += plan.tiles_at(of);
          const Part part = part_of(plan, i, base, begin, end, range.begin);
          const std::size_t row = from * plan.row_tile;
          const std::size_t last = std::min(to * plan.row_tile, plan.products[i].source->rows);
          std::int32_t* const own = sums + (base + from - piece) * plan.row_tile;
          for (std::size_t k = row; plan.kernel == nullptr && k < last; ++k) {
            plan.products[i].source->read_row(k, trits);
            reference_product(trits, row_bytes, 1, activations, own + (k - row), stride);
          }
          store_floats(part, row, last, tokens, own, stride, scales);
        });
  }
  if (plan.locked_pool) worker.pool().release(scratch);
}

// Copies what chunks left in their blocks for global rows [begin, end) into y.
void LinearRunner::gather(const Plan& plan, std::size_t begin, std::size_t end) const {
  std::size_t base = 0;
  for (std::size_t i = 0; i < plan.count; ++i) {
    const Product& product = plan.products[i];
    const std::size_t rows = product.source->rows;
    const std::size_t padded = plan.tiles_at(i) * plan.row_tile;
    const std::size_t product_end = base + padded;
    if (product_end <= begin || base >= end) {
      base = product_end;
      continue;
    }
    // Chunks begin at multiples of known_rows, counted through all products, and where a product
    // begins; or are followed one by one from the product's start.
    std::size_t chunk = base;
    if (plan.known_rows != 0 && begin > base) {
      chunk = std::max(base, begin / plan.known_rows * plan.known_rows);
    }
    while (chunk < std::min(end, product_end)) {
      const std::size_t chunk_end =
          plan.known_rows != 0
              ? std::min(product_end, (chunk / plan.known_rows + 1) * plan.known_rows)
              : ends_.as<std::size_t>()[chunk];
      const std::size_t first = std::max(chunk, begin) - base;
      const std::size_t last = std::min({chunk_end - base, end - base, rows});
      const std::size_t stride = std::min(chunk_end - base, rows) - (chunk - base);
      const float* block = blocks_.as<float>() + plan.block_start(chunk);
      for (std::size_t t = 0; t < plan.tokens && first < last; ++t) {
        std::copy_n(block + t * stride + (first - (chunk - base)), last - first,
                    product.y + t * rows + first);
      }
      chunk = chunk_end;
    }
    base = product_end;
  }
}

void LinearRunner::reserve(std::size_t tokens, std::size_t max_rows, std::size_t row_tile) {
  const std::size_t padded = max_rows + kSites * row_tile;
  const std::size_t bytes = padded * round_up(tokens, kLineFloats) * sizeof(float);
  if (blocks_.size() < bytes) blocks_ = Buffer(bytes);
  const std::size_t ends = padded * sizeof(std::size_t);
  if (ends_.size() < ends) ends_ = Buffer(ends);
}

void LinearRunner::multiply(Flow& flow, const Combination& combination, QuantizedBatch& batch,
                            const Product* products, std::size_t count) {
  const Kernel* kernel = kernel_of(combination);
  const std::size_t tokens = batch.tokens();
  if (by_columns(combination, tokens)) {
    return multiply_columns(flow, *kernel, batch, products, count);
  }
  const std::size_t most = tokens_at_a_time(kernel, batch.cols(), tokens);
  for (std::size_t first = 0; first < tokens; first += most) {
    const TokenRange part{first, std::min(tokens, first + most)};
    if (kernel != nullptr && kernel->build != nullptr) {
      build_table(flow, *kernel, batch.view(part), batch.table());
    }
    Product of_part[kSites];
    for (std::size_t i = 0; i < count; ++i) {
      of_part[i] = products[i];
      of_part[i].y += first * products[i].source->rows;
    }
    multiply_part(flow, combination, batch, part, of_part, count);
  }
}

// Every worker multiplies some of the columns for all rows; then each adds up all workers' sums of
// some of the rows.
void LinearRunner::multiply_columns(Flow& flow, const Kernel& kernel, const QuantizedBatch& batch,
                                    const Product* products, std::size_t count) {
  const std::size_t row_tile = kernel.encoding->row_tile;
  const std::size_t group_cols = kernel.encoding->group_cols;
  const std::size_t groups = (batch.cols() + group_cols - 1) / group_cols;
  std::size_t tiles = 0;
  for (std::size_t i = 0; i < count; ++i) tiles += tiles_of(*products[i].source, row_tile);
  const PackedMatrix& matrix = *products[0].packed.matrix;
  const std::size_t first = products[0].packed.first_tile;
  const RowRange rows{first * row_tile, std::min((first + tiles) * row_tile, matrix.rows())};
  const bool unit = kernel.encoding->output_scale == OutputScale::kUnit;
  const float activation_scale = unit ? 1.0F : batch.scales()[0];

  flow.step([&](Worker& worker) {
    auto* const sums =
        static_cast<std::int32_t*>(worker.arena((rows.end - rows.begin) * sizeof(std::int32_t)));
    partial_sums_[worker.index()] = sums;
    bool has_columns = false;
    worker.loop(groups, {LoopKind::kStatic, 0}, [&](std::size_t begin, std::size_t end) {
      kernel.multiply_columns(matrix.view(), batch.view(), {begin, end}, rows, sums);
      has_columns = true;
    });
    if (!has_columns) std::fill_n(sums, rows.end - rows.begin, 0);
  });
  flow.step([&](Worker& worker) {
    const std::size_t lines = (tiles * row_tile + kLineFloats - 1) / kLineFloats;
    const std::size_t from = lines * worker.index() / worker.count() * kLineFloats;
    const std::size_t to =
        std::min(lines * (worker.index() + 1) / worker.count() * kLineFloats, tiles * row_tile);
    std::size_t base = 0;  // of the product's tiles, in rows
    for (std::size_t i = 0; i < count; ++i) {
      const TernaryTensor& source = *products[i].source;
      const std::size_t begin = std::max(from, base) - base;
      const std::size_t end = std::min(to, base + source.rows);
      if (base + begin < end) {
        const std::size_t n = end - base - begin;
        std::int32_t* const sums = partial_sums_[worker.index()] + base + begin;
        for (unsigned w = 0; w < worker.count(); ++w) {
          if (w != worker.index()) add(partial_sums_[w] + base + begin, n, sums);
        }
        scale(sums, source.scale * activation_scale, n, products[i].y + begin);
      }
      base += tiles_of(source, row_tile) * row_tile;
    }
  });
}

void LinearRunner::multiply_part(Flow& flow, const Combination& combination,
                                 const QuantizedBatch& batch, TokenRange part,
                                 const Product* products, std::size_t count) {
  Plan plan;
  plan.kernel = kernel_of(combination);
  plan.products = products;
  plan.count = count;
  plan.row_tile = plan.kernel == nullptr ? 1 : plan.kernel->encoding->row_tile;
  for (std::size_t i = 0; i < count; ++i) plan.tiles += plan.tiles_at(i);
  plan.tokens = plan.part_tokens = part.end - part.begin;
  plan.activations = batch.view(part);
  plan.table = batch.table();
  const bool unit =
      plan.kernel != nullptr && plan.kernel->encoding->output_scale == OutputScale::kUnit;
  plan.activation_scales = unit ? nullptr : batch.scales() + part.begin;

  const Schedule& schedule = combination.schedule;
  const LoopSpec spec = schedule.loop;
  plan.locked_pool = schedule.scratch == ScratchPolicy::kLockedPool;
  const bool aligned = schedule.output == OutputPolicy::kAligned;
  plan.blocks = aligned && !plan.lines_are_whole(schedule);
  const bool grain_is_fixed =
      spec.kind == LoopKind::kDynamic || (spec.kind == LoopKind::kStatic && spec.grain != 0);
  plan.known_rows = grain_is_fixed ? std::max<std::size_t>(1, spec.grain) * plan.row_tile : 0;
  // A kernel's own blocks of tokens are dealt out, too: where there are as many as threads, each
  // gets whole matrices, whose rows share tables better than some of them would.
  if (plan.kernel != nullptr && plan.kernel->token_block != 0) {
    plan.part_tokens = std::min(plan.tokens, plan.kernel->token_block);
    plan.parts_dealt = !plan.blocks && line_align(plan.row_tile) == 1;
  }

  flow.step([&](Worker& worker) {
    worker.loop((plan.parts_dealt ? plan.parts() : 1) * plan.tiles, spec,
                [&](std::size_t begin, std::size_t end) { run_chunk(worker, plan, begin, end); },
                aligned ? line_align(plan.row_tile) : 1);
  });
  if (!plan.blocks) return;
  flow.step([&](Worker& worker) {
    const std::size_t lines =
        (plan.tiles * plan.row_tile + kLineFloats - 1) / kLineFloats * kLineFloats;
    const std::size_t units = lines / kLineFloats;
    gather(plan, units * worker.index() / worker.count() * kLineFloats,
           units * (worker.index() + 1) / worker.count() * kLineFloats);
  });
}

}  // namespace ryz
