// Every kernel of the catalogue against the hard shapes, and the check itself against kernels that
// are wrong on purpose. A new kernel needs no line here.
#include "kernels/kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/buffer.h"
#include "kernels/catalogue.h"
#include "kernels/encodings/quint.h"
#include "kernels/encodings/two_bit.h"
#include "kernels/packed_matrix.h"
#include "kernels/tally.h"
#include "kernels/verify.h"

namespace ryz {
namespace {

std::string test_name(const Kernel& kernel) {
  std::string name = std::string(kernel.name) + "_" + kernel.encoding->name;
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

class KernelTest : public testing::TestWithParam<const Kernel*> {
 protected:
  void SetUp() override {
    if (const std::string reason = why_not_runnable(*GetParam()); !reason.empty()) {
      GTEST_SKIP() << reason;
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Catalogue, KernelTest, testing::ValuesIn(built_in_catalogue().kernels),
                         [](const auto& info) { return test_name(*info.param); });

TEST_P(KernelTest, IsRightOnHardShapes) {
  const VerifyResult result = verify_kernel(*GetParam(), {.seed = 7, .quick = true});
  EXPECT_TRUE(result.ok) << result.failure;
  EXPECT_GT(result.cases, 100u);
}

// One product of 3 × 40, one token, all weights 1 and all activations 2.
std::vector<std::int32_t> small_product(const Kernel& kernel) {
  const Encoding& encoding = *kernel.encoding;
  if (encoding.prepare != nullptr) encoding.prepare();
  const PackedMatrix matrix =
      pack(encoding, 3, 40, [](std::size_t, std::int8_t* w) { std::memset(w, 1, 40); });
  std::vector<std::int8_t> q(kActivationBlock, 0);
  std::memset(q.data(), 2, 40);
  const std::int32_t sum = 80;
  const Activations activations{q.data(), q.size(), 1, 40, &sum};
  Buffer table(kernel.table_bytes == nullptr ? 0 : kernel.table_bytes(40, 1));
  if (kernel.build != nullptr) {
    kernel.build(activations, {0, (40 + encoding.group_cols - 1) / encoding.group_cols},
                 table.data());
  }
  std::vector<std::int32_t> out(3, -1);
  kernel.multiply(matrix.view(), activations, table.data(), {0, 3}, out.data(), 3);
  return out;
}

TEST_P(KernelTest, WritesDownWhatItsFileWasCompiledWith) {
  const auto before = called_isas();
  const std::vector<std::int32_t> out = small_product(*GetParam());
  const auto calls = calls_between(before, called_isas());
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls.begin()->first, GetParam()->needs.bits);
  EXPECT_EQ(calls.begin()->second, 1u);
  // ±1 in place of 2 halves the result; the first of eight equal activations is as good as all.
  const std::int32_t expected = std::string(GetParam()->encoding->name) == "sign-bits" ? 40 : 80;
  EXPECT_EQ(out, std::vector<std::int32_t>(3, expected));
}

// Blocks of tokens are multiplied one by one with tables that were built for all of them.
TEST(KernelTables, OfABlockOfTokensLieTogether) {
  for (const Kernel* kernel : built_in_catalogue().kernels) {
    const std::size_t block = kernel->token_block;
    if (block == 0 || !why_not_runnable(*kernel).empty()) continue;
    SCOPED_TRACE(test_name(*kernel));
    const std::size_t cols = 300;
    const std::size_t stride = round_up(cols, kActivationBlock);
    const std::size_t group_cols = kernel->encoding->group_cols;
    for (const std::size_t tokens : {2 * block + 1, 3 * block - 1}) {
      std::vector<std::int8_t> q(tokens * stride, 0);
      for (std::size_t i = 0; i < q.size(); ++i) {
        if (i % stride < cols) q[i] = static_cast<std::int8_t>(i * 37);
      }
      const std::vector<std::int32_t> sums(tokens, 0);
      const auto build = [&](std::size_t first, std::size_t n) {
        Buffer table(kernel->table_bytes(cols, n));
        if (table.size() == 0) return table;  // too few tokens for tables
        std::memset(table.data(), 0x55, table.size());
        kernel->build({q.data() + first * stride, stride, n, cols, sums.data() + first},
                      {0, (cols + group_cols - 1) / group_cols}, table.data());
        return table;
      };
      const Buffer all = build(0, tokens);
      for (std::size_t first = 0; first < tokens; first += block) {
        const std::size_t n = std::min(block, tokens - first);
        const Buffer part = build(first, n);
        const std::size_t at = kernel->table_bytes(cols, first);
        ASSERT_LE(at + kernel->table_bytes(cols, n), all.size());
        if (part.size() == 0) continue;
        EXPECT_EQ(std::memcmp(all.as<std::byte>() + at, part.data(), part.size()), 0) << first;
      }
    }
  }
}

// A right kernel, then something wrong with it. Function pointers take no state, so the faults
// wrap the scalar kernels.
const Kernel& scalar(const char* encoding) {
  return *built_in_catalogue().find_kernel("scalar", encoding);
}

using Multiply = decltype(Kernel::multiply);

Kernel broken(const char* encoding, Multiply multiply) {
  Kernel kernel = scalar(encoding);
  kernel.name = "broken";
  kernel.multiply = multiply;
  return kernel;
}

TEST(VerifyKernel, RightKernelPassesWithAnotherSeed) {
  const VerifyResult result = verify_kernel(scalar("two-bit"), {.seed = 99, .quick = true});
  EXPECT_TRUE(result.ok) << result.failure;
}

TEST(VerifyKernel, FiresOnOneWrongElement) {
  const Kernel kernel =
      broken("two-bit", [](const PackedView& w, const Activations& a, const void* table,
                           RowRange rows, std::int32_t* out, std::size_t stride) noexcept {
        scalar("two-bit").multiply(w, a, table, rows, out, stride);
        if (a.cols == 257 && a.tokens > 1 && rows.end == w.rows) {
          out[stride + (rows.end - rows.begin - 1)] += 1;
        }
      });
  const VerifyResult result = verify_kernel(kernel, {.quick = false});
  ASSERT_FALSE(result.ok);
  EXPECT_NE(result.failure.find("broken/two-bit"), std::string::npos) << result.failure;
  EXPECT_NE(result.failure.find("x257"), std::string::npos) << result.failure;
  EXPECT_NE(result.failure.find("token 1"), std::string::npos) << result.failure;
  EXPECT_NE(result.failure.find("expected"), std::string::npos) << result.failure;
}

TEST(VerifyKernel, FiresOnAnElementLeftUnwritten) {
  const Kernel kernel =
      broken("two-bit", [](const PackedView& w, const Activations& a, const void* table,
                           RowRange rows, std::int32_t* out, std::size_t stride) noexcept {
        if (rows.end == w.rows && rows.end - rows.begin > 1) --rows.end;
        scalar("two-bit").multiply(w, a, table, rows, out, stride);
      });
  const VerifyResult result = verify_kernel(kernel, {.quick = true});
  ASSERT_FALSE(result.ok);
  EXPECT_NE(result.failure.find("left unwritten"), std::string::npos) << result.failure;
}

TEST(VerifyKernel, FiresOnAWritePastTheEnd) {
  const Kernel kernel =
      broken("two-bit", [](const PackedView& w, const Activations& a, const void* table,
                           RowRange rows, std::int32_t* out, std::size_t stride) noexcept {
        scalar("two-bit").multiply(w, a, table, rows, out, stride);
        if (rows.end == w.rows) out[(a.tokens - 1) * stride + (rows.end - rows.begin)] = 0;
      });
  const VerifyResult result = verify_kernel(kernel, {.quick = true});
  ASSERT_FALSE(result.ok);
  EXPECT_NE(result.failure.find("outside the results"), std::string::npos) << result.failure;
}

TEST(VerifyKernel, FiresOnAKernelThatIgnoresTheRange) {
  const Kernel kernel =
      broken("two-bit-x32", [](const PackedView& w, const Activations& a, const void* table,
                               RowRange rows, std::int32_t* out, std::size_t stride) noexcept {
        scalar("two-bit-x32").multiply(w, a, table, {0, rows.end - rows.begin}, out, stride);
      });
  const VerifyResult result = verify_kernel(kernel, {.quick = true});
  ASSERT_FALSE(result.ok);
  EXPECT_NE(result.failure.find("split"), std::string::npos) << result.failure;
}

TEST(VerifyKernel, FiresOnSumsThatSaturate) {
  const Kernel kernel =
      broken("two-bit", [](const PackedView& w, const Activations& a, const void* table,
                           RowRange rows, std::int32_t* out, std::size_t stride) noexcept {
        scalar("two-bit").multiply(w, a, table, rows, out, stride);
        for (std::size_t t = 0; t < a.tokens; ++t) {
          for (std::size_t r = 0; r < rows.end - rows.begin; ++r) {
            std::int32_t& y = out[t * stride + r];
            y = std::max(-1000000, std::min(1000000, y));
          }
        }
      });
  EXPECT_FALSE(verify_kernel(kernel, {.quick = true}).ok);
}

TEST(VerifyKernel, FiresOnABuildThatForgetsTheLastGroup) {
  Kernel kernel = scalar("quint");
  kernel.name = "broken";
  kernel.build = [](const Activations& a, GroupRange groups, void* table) noexcept {
    if (groups.end * kQuintCols >= a.cols) --groups.end;
    scalar("quint").build(a, groups, table);
  };
  const VerifyResult result = verify_kernel(kernel, {.quick = true});
  ASSERT_FALSE(result.ok);
  EXPECT_NE(result.failure.find("broken/quint"), std::string::npos) << result.failure;
}

TEST(VerifyKernel, FiresOnABuildThatWritesPastItsTable) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the address sanitizer ends the process first";
#elif defined(__has_feature)
  if (__has_feature(address_sanitizer)) {
    GTEST_SKIP() << "the address sanitizer ends the process first";
  }
#endif
  Kernel kernel = scalar("quint");
  kernel.build = [](const Activations& a, GroupRange groups, void* table) noexcept {
    scalar("quint").build(a, groups, table);
    static_cast<char*>(table)[scalar("quint").table_bytes(a.cols, a.tokens)] = 0;
  };
  const VerifyResult result = verify_kernel(kernel, {.quick = true});
  ASSERT_FALSE(result.ok);
  EXPECT_NE(result.failure.find("past the table's end"), std::string::npos) << result.failure;
}

TEST(VerifyKernel, FiresOnAnEncodingThatLosesAWeight) {
  Encoding encoding = encoding_two_bit;
  encoding.name = "lossy";
  encoding.pack_tile = [](const std::int8_t* trits, std::size_t stride, std::size_t rows,
                          std::size_t cols, std::uint8_t* out) {
    encoding_two_bit.pack_tile(trits, stride, rows, cols, out);
    if (cols == 64) out[63] ^= 3;
  };
  Kernel kernel = scalar("two-bit");
  kernel.encoding = &encoding;
  const VerifyResult result = verify_kernel(kernel, {.quick = true});
  ASSERT_FALSE(result.ok);
  EXPECT_NE(result.failure.find("x64,"), std::string::npos) << result.failure;
  EXPECT_NE(result.failure.find("unpacks"), std::string::npos) << result.failure;
}

TEST(VerifyKernel, RefusesWhatItCannotJudge) {
  Encoding encoding = encoding_two_bit;
  encoding.name = "unheard-of";
  encoding.exact = false;
  Kernel kernel = scalar("two-bit");
  kernel.encoding = &encoding;
  EXPECT_FALSE(verify_kernel(kernel, {.quick = true}).ok);

  kernel = scalar("two-bit");
  kernel.needs = {1u << 31};
  EXPECT_NE(verify_kernel(kernel).failure.find("this CPU lacks"), std::string::npos);
}

}  // namespace
}  // namespace ryz
