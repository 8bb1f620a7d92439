#include "model/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "kernels/catalogue.h"
#include "model/random.h"

namespace ryz {
namespace {

// A ternary matrix in I2_S.
struct Matrix {
  Matrix(std::size_t rows, std::size_t cols, float scale) : codes(rows * cols / 4) {
    Random random(3, rows * 31 + cols);
    for (std::uint8_t& byte : codes) {
      for (int i = 0; i < 4; ++i) {
        byte = static_cast<std::uint8_t>(byte << 2 | random.next() % 3);
      }
    }
    tensor = {codes.data(), rows, cols, scale};
  }
  std::vector<std::uint8_t> codes;
  TernaryTensor tensor;
};

std::vector<float> activations(std::size_t tokens, std::size_t cols) {
  Random random(5, cols);
  std::vector<float> x(tokens * cols);
  for (float& v : x) v = static_cast<float>(random.normal());
  return x;
}

// Results of one product step, each on lines of its own with a guard behind it.
class Results {
 public:
  Results(const std::vector<Matrix>& matrices, std::size_t tokens, std::size_t offset) {
    for (const Matrix& m : matrices) {
      sizes_.push_back(m.tensor.rows * tokens);
      buffers_.emplace_back((sizes_.back() + offset + 16) * sizeof(float));
      starts_.push_back(buffers_.back().as<float>() + offset);
      std::fill_n(starts_.back(), sizes_.back() + 16, kGuard);
    }
  }
  float* at(std::size_t i) { return starts_[i]; }
  bool guards_stand() const {
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      for (std::size_t j = 0; j < 16; ++j) {
        if (starts_[i][sizes_[i] + j] != kGuard) return false;
      }
    }
    return true;
  }
  bool operator==(const Results& other) const {
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      if (std::memcmp(starts_[i], other.starts_[i], sizes_[i] * sizeof(float)) != 0) return false;
    }
    return true;
  }

 private:
  static constexpr float kGuard = 12345.0F;
  std::vector<std::size_t> sizes_;
  std::vector<Buffer> buffers_;
  std::vector<float*> starts_;
};

struct Packed {
  PackedMatrix matrix;
  std::vector<std::size_t> first_tile;  // of each matrix; none: nothing is packed
};

// One product step of some matrices of the same width.
struct Case {
  Case(const std::vector<std::size_t>& rows, std::size_t columns, std::size_t token_count)
      : cols(columns), tokens(token_count), x(activations(token_count, columns)) {
    for (const std::size_t n : rows) {
      matrices.emplace_back(n, cols, 0.5F + static_cast<float>(matrices.size()));
    }
  }

  // All matrices as one, each from a whole tile on.
  Packed packed(const Encoding& encoding) const {
    if (encoding.prepare != nullptr) encoding.prepare();
    Packed all;
    std::vector<std::size_t> first;  // rows
    std::size_t rows = 0;
    for (const Matrix& m : matrices) {
      first.push_back(round_up(rows, encoding.row_tile));
      all.first_tile.push_back(first.back() / encoding.row_tile);
      rows = first.back() + m.tensor.rows;
    }
    all.matrix = pack(encoding, rows, cols, [&](std::size_t r, std::int8_t* trits) {
      std::memset(trits, 0, cols);
      for (std::size_t i = 0; i < matrices.size(); ++i) {
        const TernaryTensor& tensor = matrices[i].tensor;
        if (r >= first[i] && r < first[i] + tensor.rows) tensor.read_row(r - first[i], trits);
      }
    });
    return all;
  }

  Results run(const Combination& combination, const Packed& weights, unsigned threads,
              std::size_t offset = 0) const {
    QuantizedBatch batch;
    batch.resize(tokens, cols);
    for (std::size_t t = 0; t < tokens; ++t) batch.quantize(t, x.data() + t * cols);
    Results results(matrices, tokens, offset);
    std::vector<Product> products;
    std::size_t rows = 0;
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      PackedTiles tiles;
      if (!weights.first_tile.empty()) tiles = {&weights.matrix, weights.first_tile[i]};
      products.push_back({&matrices[i].tensor, tiles, results.at(i)});
      rows += matrices[i].tensor.rows;
    }
    LinearRunner runner;
    std::size_t row_tile = 1;
    if (combination.requested != nullptr) {
      batch.reserve_table(*combination.executed);
      row_tile = combination.executed->encoding->row_tile;
    }
    runner.reserve(tokens, rows, row_tile);
    Team team({threads, {}});
    team.execute(combination.schedule.region, [&](Flow& flow) {
      runner.multiply(flow, combination, batch, products.data(), products.size());
    });
    return results;
  }

  std::size_t cols, tokens;
  std::vector<float> x;
  std::vector<Matrix> matrices;
};

std::vector<Schedule> all_schedules() {
  std::vector<Schedule> schedules;
  const LoopSpec loops[] = {{LoopKind::kStatic, 0},   {LoopKind::kStatic, 1},
                            {LoopKind::kStatic, 3},   {LoopKind::kDynamic, 1},
                            {LoopKind::kDynamic, 4},  {LoopKind::kDynamic, 1000},
                            {LoopKind::kGuided, 1},   {LoopKind::kGuided, 4},
                            {LoopKind::kStealing, 1}, {LoopKind::kStealing, 4}};
  for (const LoopSpec loop : loops) {
    for (const ScratchPolicy scratch : {ScratchPolicy::kLockedPool, ScratchPolicy::kArenas}) {
      for (const OutputPolicy output : {OutputPolicy::kInterleaved, OutputPolicy::kAligned}) {
        for (const RegionPolicy region : {RegionPolicy::kToken, RegionPolicy::kProduct}) {
          schedules.push_back({loop, scratch, output, region});
        }
      }
    }
  }
  return schedules;
}

std::string text(const Schedule& s) {
  return loop_name(s.loop) + (s.scratch == ScratchPolicy::kLockedPool ? " pool" : " arenas") +
         (s.output == OutputPolicy::kAligned ? " aligned" : " interleaved") +
         (s.region == RegionPolicy::kToken ? " token" : " product");
}

// The naive product on one thread, checked against the definition first.
TEST(Linear, NaiveIsTheDefinition) {
  const Case c({33, 16}, 256, 3);
  Results results = c.run({}, {}, 1);
  std::vector<std::int8_t> row(256);
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t t = 0; t < 3; ++t) {
      float max = 0.0F;
      for (std::size_t k = 0; k < 256; ++k) max = std::max(max, std::abs(c.x[t * 256 + k]));
      for (std::size_t r = 0; r < c.matrices[i].tensor.rows; ++r) {
        c.matrices[i].tensor.read_row(r, row.data());
        int sum = 0;
        for (std::size_t k = 0; k < 256; ++k) {
          sum += row[k] * static_cast<int>(std::nearbyint(c.x[t * 256 + k] * (127.0F / max)));
        }
        const double expected = static_cast<double>(c.matrices[i].tensor.scale) * max / 127.0 * sum;
        ASSERT_NEAR(results.at(i)[t * c.matrices[i].tensor.rows + r], expected,
                    1e-6 * std::abs(expected))
            << i << " " << t << " " << r;
      }
    }
  }
}

TEST(Linear, EveryPolicyAndScheduleEqualsTheNaive) {
  // Whole lines and tiles; ragged ones; a product that begins inside a line.
  const std::vector<std::vector<std::size_t>> shapes{{96, 32, 32}, {70, 5, 33}};
  for (const auto& rows : shapes) {
    for (const std::size_t tokens : {1u, 5u}) {
      const Case c(rows, 384, tokens);
      const Results expected = c.run({}, {}, 1);
      for (const Schedule& schedule : all_schedules()) {
        for (const unsigned threads : {1u, 3u}) {
          EXPECT_TRUE(c.run({nullptr, nullptr, schedule}, {}, threads) == expected)
              << "naive " << text(schedule) << " " << threads;
        }
      }
    }
  }
}

TEST(Linear, EveryExactKernelEqualsTheNaiveOnEverySchedule) {
  for (const Kernel* kernel : built_in_catalogue().kernels) {
    if (!kernel->encoding->exact || !why_not_runnable(*kernel).empty()) continue;
    SCOPED_TRACE(std::string(kernel->name) + " " + kernel->encoding->name);
    // One token, for which kernels may build tables in passing, and several.
    for (const std::size_t tokens : {1u, 3u}) {
      const Case c({300, 20, 7}, 384, tokens);
      const Results expected = c.run({}, {}, 1);
      const Packed weights = c.packed(*kernel->encoding);
      for (const Schedule& schedule : all_schedules()) {
        const Results got = c.run({kernel, kernel, schedule}, weights, 2);
        EXPECT_TRUE(got == expected) << tokens << " " << text(schedule);
        EXPECT_TRUE(got.guards_stand()) << tokens << " " << text(schedule);
      }
    }
  }
}

// Two groups of five columns, three of three: some workers of a team that shares out columns have
// none.
TEST(Linear, MoreWorkersThanColumns) {
  const Case c({300, 20, 7}, 7, 1);
  const Results expected = c.run({}, {}, 1);
  for (const Kernel* kernel : built_in_catalogue().kernels) {
    if (!kernel->encoding->exact || !why_not_runnable(*kernel).empty()) continue;
    SCOPED_TRACE(std::string(kernel->name) + " " + kernel->encoding->name);
    const Results got = c.run({kernel, kernel, {}}, c.packed(*kernel->encoding), 5);
    EXPECT_TRUE(got == expected);
    EXPECT_TRUE(got.guards_stand());
  }
}

// One product of a packed group alone, as it is checked: its tiles begin inside the matrix.
TEST(Linear, OneOfThePackedProducts) {
  const Case all({300, 20, 270}, 384, 1);
  Results expected = all.run({}, {}, 1);
  for (const Kernel* kernel : built_in_catalogue().kernels) {
    if (!kernel->encoding->exact || !why_not_runnable(*kernel).empty()) continue;
    const Packed weights = all.packed(*kernel->encoding);
    for (std::size_t i = 0; i < all.matrices.size(); ++i) {
      const TernaryTensor& tensor = all.matrices[i].tensor;
      QuantizedBatch batch;
      batch.resize(1, all.cols);
      batch.quantize(0, all.x.data());
      batch.reserve_table(*kernel);
      LinearRunner runner;
      runner.reserve(1, tensor.rows, kernel->encoding->row_tile);
      std::vector<float> y(tensor.rows, 12345.0F);
      const Product product{&tensor, {&weights.matrix, weights.first_tile[i]}, y.data()};
      Team team({2, {}});
      team.execute(RegionPolicy::kToken, [&](Flow& flow) {
        runner.multiply(flow, {kernel, kernel, {}}, batch, &product, 1);
      });
      EXPECT_EQ(std::memcmp(y.data(), expected.at(i), y.size() * sizeof(float)), 0)
          << kernel->name << " " << kernel->encoding->name << " " << i;
    }
  }
}

TEST(Linear, ResultsNeedNoAlignment) {
  const Case c({64, 48}, 256, 2);
  const Results expected = c.run({}, {}, 1);
  for (const Schedule& schedule : all_schedules()) {
    EXPECT_TRUE(c.run({nullptr, nullptr, schedule}, {}, 3, 5) == expected) << text(schedule);
  }
}

// Many tokens: the sums of a chunk are split, and kernels' blocks of tokens dealt out where chunks
// need no blocks of their own.
TEST(Linear, SixHundredTokens) {
  for (const std::vector<std::size_t>& rows : {std::vector<std::size_t>{300, 300}, {320, 96}}) {
    const Case c(rows, 128, 600);
    const Results expected = c.run({}, {}, 2);
    for (const Kernel* kernel : built_in_catalogue().kernels) {
      if (!kernel->encoding->exact || !why_not_runnable(*kernel).empty()) continue;
      SCOPED_TRACE(std::string(kernel->name) + " " + kernel->encoding->name);
      const Packed weights = c.packed(*kernel->encoding);
      for (const LoopSpec loop :
           {LoopSpec{LoopKind::kStatic, 0}, LoopSpec{LoopKind::kDynamic, 3},
            LoopSpec{LoopKind::kGuided, 1}, LoopSpec{LoopKind::kStealing, 1}}) {
        const Schedule schedule{loop, ScratchPolicy::kArenas, OutputPolicy::kAligned,
                                RegionPolicy::kToken};
        const Results got = c.run({kernel, kernel, schedule}, weights, 3);
        EXPECT_TRUE(got == expected) << text(schedule);
        EXPECT_TRUE(got.guards_stand()) << text(schedule);
      }
    }
  }
}

// More tokens than tables are built for at a time, by two workers, with chunks in blocks of their
// own and without.
TEST(Linear, TokensInPartsThatTheirTablesAllow) {
  const Kernel* quint = built_in_catalogue().find_kernel("scalar", "quint");
  ASSERT_NE(quint, nullptr);
  const Case c({40, 5}, 2560, 70);
  ASSERT_GT(quint->table_bytes(c.cols, c.tokens), std::size_t{16} << 20);
  const auto weights = c.packed(*quint->encoding);
  const Results expected = c.run({}, {}, 1);
  for (const OutputPolicy output : {OutputPolicy::kInterleaved, OutputPolicy::kAligned}) {
    for (const RegionPolicy region : {RegionPolicy::kToken, RegionPolicy::kProduct}) {
      const Schedule schedule{{LoopKind::kDynamic, 1}, ScratchPolicy::kArenas, output, region};
      Results results = c.run({quint, quint, schedule}, weights, 2);
      EXPECT_TRUE(results == expected) << text(schedule);
      EXPECT_TRUE(results.guards_stand()) << text(schedule);
    }
  }
}

TEST(Linear, AnEncodingOfUnitScaleLeavesTheActivationScaleOut) {
  const Kernel* exact = built_in_catalogue().find_kernel("scalar", "two-bit");
  ASSERT_NE(exact, nullptr);
  Encoding unit_encoding = *exact->encoding;
  unit_encoding.output_scale = OutputScale::kUnit;
  Kernel unit = *exact;
  unit.encoding = &unit_encoding;
  const Case c({16}, 256, 1);
  Results normal = c.run({exact, exact, {}}, c.packed(*exact->encoding), 1);
  Results scaled = c.run({&unit, &unit, {}}, c.packed(unit_encoding), 1);
  QuantizedBatch batch;
  batch.resize(1, 256);
  batch.quantize(0, c.x.data());
  for (std::size_t r = 0; r < 16; ++r) {
    EXPECT_NEAR(normal.at(0)[r], scaled.at(0)[r] * batch.scales()[0],
                1e-6 * std::abs(normal.at(0)[r]));
  }
}

TEST(QuantizedBatch, KeepsTheContractOfActivations) {
  QuantizedBatch batch;
  batch.resize(3, 512);
  std::vector<float> x = activations(3, 512);
  for (std::size_t t = 0; t < 3; ++t) batch.quantize(t, x.data() + t * 512);
  batch.resize(2, 300);  // smaller than before: what lies behind must be zero again
  for (std::size_t t = 0; t < 2; ++t) batch.quantize(t, x.data() + t * 300);
  const Activations view = batch.view();
  EXPECT_EQ(view.cols, 300u);
  EXPECT_EQ(view.tokens, 2u);
  EXPECT_GE(view.stride, 512u);
  for (std::size_t t = 0; t < 2; ++t) {
    const std::int8_t* q = view.q + t * view.stride;
    int sum = 0;
    int max = 0;
    for (std::size_t k = 0; k < 300; ++k) {
      sum += q[k];
      max = std::max(max, std::abs(static_cast<int>(q[k])));
      EXPECT_NEAR(q[k] * batch.scales()[t], x[t * 300 + k], 0.51 * batch.scales()[t]);
    }
    EXPECT_EQ(view.sums[t], sum);
    EXPECT_EQ(max, 127);
    for (std::size_t k = 300; k < 512; ++k) EXPECT_EQ(q[k], 0);
  }
}

}  // namespace
}  // namespace ryz
