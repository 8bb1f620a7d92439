#include "harness/measure/encoding_error.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "kernels/catalogue.h"

namespace ryz {
namespace {

const Kernel& scalar(const char* encoding) {
  return *built_in_catalogue().find_kernel("scalar", encoding);
}

TEST(EncodingError, SignBitsFollowTheirFormula) {
  const Kernel& kernel = scalar("sign-bits");
  for (const EncodingErrorPoint& p : encoding_error(kernel, {0.1, 0.2, 0.27, 0.5, 1.0, 2.0})) {
    EXPECT_NEAR(p.actual_rms, p.rms, 0.05 * p.rms);
    const double expected = *expected_encoding_error(*kernel.encoding, p.actual_rms);
    EXPECT_NEAR(p.error, expected, 0.06 * expected) << p.rms;
  }
}

// The figures DESIGN quotes of the engine as it was found.
TEST(EncodingError, TheFormulaGivesTheKnownFigures) {
  const Encoding& signs = *scalar("sign-bits").encoding;
  EXPECT_NEAR(*expected_encoding_error(signs, 0.27), 2.97, 0.05);
  EXPECT_NEAR(*expected_encoding_error(signs, 0.20), 4.30, 0.06);  // 430 % is RMS 0.198
  EXPECT_NEAR(*expected_encoding_error(signs, 1.0), 0.635, 0.02);
  EXPECT_NEAR(*expected_encoding_error(*scalar("byte-value").encoding, 3.0), 1.33, 0.01);
}

TEST(EncodingError, ByteValueIsWrongAtAnyScale) {
  const Kernel& kernel = scalar("byte-value");
  for (const EncodingErrorPoint& p : encoding_error(kernel, {0.1, 1.0, 10.0})) {
    EXPECT_NEAR(p.error, *expected_encoding_error(*kernel.encoding, p.rms), 0.1);
  }
}

TEST(EncodingError, ExactEncodingsHaveNone) {
  for (const char* name : {"bit-planes", "pair", "quint", "two-bit", "two-bit-x32"}) {
    for (const EncodingErrorPoint& p : encoding_error(scalar(name), {0.2, 1.0})) {
      EXPECT_EQ(p.error, 0.0) << name;
      EXPECT_EQ(p.mismatches, 0U) << name;
    }
    EXPECT_EQ(expected_encoding_error(*scalar(name).encoding, 1.0), 0.0);
  }
}

TEST(EncodingError, AnRmsIsAboveZero) {
  EXPECT_THROW(encoding_error(scalar("quint"), {0.0}), std::invalid_argument);
  EXPECT_THROW(encoding_error(scalar("quint"), {-1.0}), std::invalid_argument);
  EXPECT_THROW(encoding_error(scalar("quint"), {NAN}), std::invalid_argument);
}

}  // namespace
}  // namespace ryz
