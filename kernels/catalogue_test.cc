#include "kernels/catalogue.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "kernels/cpu.h"

namespace ryz {
namespace {

TEST(Catalogue, NamesAreUnique) {
  const Catalogue& catalogue = built_in_catalogue();
  std::set<std::string> encodings;
  for (const Encoding* e : catalogue.encodings) {
    EXPECT_TRUE(encodings.insert(e->name).second) << e->name;
  }
  std::set<std::pair<std::string, std::string>> kernels;
  for (const Kernel* k : catalogue.kernels) {
    EXPECT_TRUE(kernels.emplace(k->name, k->encoding->name).second)
        << k->name << "/" << k->encoding->name;
  }
}

TEST(Catalogue, KernelsReadItsEncodings) {
  const Catalogue& catalogue = built_in_catalogue();
  for (const Kernel* k : catalogue.kernels) {
    EXPECT_EQ(catalogue.find_encoding(k->encoding->name), k->encoding) << k->name;
    EXPECT_EQ(catalogue.find_kernel(k->name, k->encoding->name), k);
    EXPECT_EQ(k->build != nullptr, k->table_bytes != nullptr) << k->name;
    // A kernel of an encoding without a table may have one of its own.
    if (k->encoding->table_kind != TableKind::kNone) {
      EXPECT_NE(k->build, nullptr) << k->name;
    }
  }
}

TEST(Catalogue, EveryEncodingHasAScalarKernelThatNeedsNothing) {
  for (const Encoding* e : built_in_catalogue().encodings) {
    const Kernel* scalar = built_in_catalogue().find_kernel("scalar", e->name);
    ASSERT_NE(scalar, nullptr) << e->name;
    EXPECT_EQ(scalar->needs, IsaSet{}) << e->name;
  }
}

TEST(Catalogue, EveryRowMajorTableEncodingHasAvx2AndGatherKernels) {
  for (const Encoding* e : built_in_catalogue().encodings) {
    if (e->table_kind == TableKind::kNone) continue;
    if (e->row_tile > 1) continue;  // interleaved for lookups in registers
    const Kernel* avx2 = built_in_catalogue().find_kernel("avx2", e->name);
    const Kernel* gather = built_in_catalogue().find_kernel("avx512-gather", e->name);
    ASSERT_NE(avx2, nullptr) << e->name;
    ASSERT_NE(gather, nullptr) << e->name;
    EXPECT_TRUE(contains(avx2->needs, {kIsaAvx2})) << e->name;
    EXPECT_FALSE(contains(avx2->needs, {kIsaAvx512f})) << e->name;
    EXPECT_TRUE(contains(gather->needs, {kIsaAvx512f | kIsaAvx512bw})) << e->name;
  }
}

TEST(Catalogue, UnknownNamesAreNull) {
  const Catalogue& catalogue = built_in_catalogue();
  EXPECT_EQ(catalogue.find_encoding("no-such"), nullptr);
  EXPECT_EQ(catalogue.find_kernel("no-such", "quint"), nullptr);
  EXPECT_EQ(catalogue.find_kernel("scalar", "no-such"), nullptr);
  EXPECT_EQ(catalogue.find_encoding(""), nullptr);
}

TEST(Catalogue, NamesAreListedOnce) {
  const auto names = built_in_catalogue().kernel_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  EXPECT_EQ(built_in_catalogue().encoding_names().size(), built_in_catalogue().encodings.size());
}

TEST(Catalogue, NoCpuHasEverything) {
  Kernel kernel = *built_in_catalogue().find_kernel("scalar", "quint");
  EXPECT_EQ(why_not_runnable(kernel), "");
  kernel.needs = {1u << 31};  // no such extension
  EXPECT_NE(why_not_runnable(kernel).find("this CPU lacks"), std::string::npos);
}

// Last: a mask lasts for the rest of the process.
TEST(CatalogueMask, TakesKernelsAwayAndSaysWhy) {
  const Kernel* avx2 = built_in_catalogue().find_kernel("avx2", "quint");
  const Kernel* gather = built_in_catalogue().find_kernel("avx512-gather", "quint");
  if (!why_not_runnable(*avx2).empty()) GTEST_SKIP() << why_not_runnable(*avx2);
  const bool gather_ran = why_not_runnable(*gather).empty();
  mask_isa({kIsaAvx512f});
  EXPECT_EQ(why_not_runnable(*avx2), "");
  if (gather_ran) {
    EXPECT_NE(why_not_runnable(*gather).find("masked by --without"), std::string::npos);
    EXPECT_NE(why_not_runnable(*gather).find("avx512f"), std::string::npos);
  }
  mask_isa({kIsaAvx2});
  EXPECT_NE(why_not_runnable(*avx2).find("masked by --without"), std::string::npos);
  EXPECT_EQ(why_not_runnable(*built_in_catalogue().find_kernel("scalar", "quint")), "");
}

}  // namespace
}  // namespace ryz
