#include "kernels/verify.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include "kernels/catalogue.h"
#include "kernels/packed_matrix.h"
#include "kernels/reference.h"

namespace ryz {
namespace {

// SplitMix64: small, and the same numbers everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

 private:
  std::uint64_t state_;
};

enum class WeightFill : std::uint8_t { kRandom, kMinusOne, kZero, kOne };
enum class ActivationFill : std::uint8_t { kRandom, kLowest, kHighest, kExtremes };

struct Case {
  std::size_t rows;
  std::size_t cols;
  std::size_t tokens;
  WeightFill weights;
  ActivationFill activations;
};

std::vector<Case> hard_cases(bool quick) {
  // Around every block size that an encoding, a kernel or kActivationBlock has.
  std::vector<std::size_t> cols;
  for (std::size_t k = 1; k <= 40; ++k) cols.push_back(k);
  for (const std::size_t k :
       {48,  63,  64,  65,  79,  80,  81,  127, 128, 129, 130, 131, 143, 144,
        145, 239, 241, 255, 256, 257, 319, 320, 321, 511, 512, 513, 641, 1000}) {
    cols.push_back(k);
  }
  constexpr std::size_t kRows[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 70};
  constexpr std::size_t kTokens[] = {1, 2, 3, 5, 17, 1, 4, 8, 6, 7, 11};
  constexpr WeightFill kWeights[] = {
      WeightFill::kRandom, WeightFill::kRandom, WeightFill::kMinusOne, WeightFill::kRandom,
      WeightFill::kZero,   WeightFill::kRandom, WeightFill::kOne};
  constexpr ActivationFill kActivations[] = {ActivationFill::kRandom, ActivationFill::kRandom,
                                             ActivationFill::kLowest, ActivationFill::kExtremes,
                                             ActivationFill::kHighest};
  std::vector<Case> cases;
  // The lists' lengths share no factor, so the cycles meet in all combinations sooner or later.
  const auto add = [&](std::size_t rows, std::size_t k) {
    const std::size_t i = cases.size();
    cases.push_back({rows, k, kTokens[i % std::size(kTokens)], kWeights[i % std::size(kWeights)],
                     kActivations[i % std::size(kActivations)]});
  };
  std::size_t turn = 0;
  for (const std::size_t k : cols) {
    const std::size_t count = quick ? 4 : 5 * std::size(kRows);
    for (std::size_t i = 0; i < count; ++i) add(kRows[turn++ % std::size(kRows)], k);
    ++turn;  // another start each time
  }
  // Sums at their largest, in and past the longest blocks of columns and rows.
  for (const WeightFill w : {WeightFill::kMinusOne, WeightFill::kOne}) {
    for (const ActivationFill a : {ActivationFill::kLowest, ActivationFill::kHighest}) {
      cases.push_back({6, 2560, 1, w, a});
      cases.push_back({5, 6912, 2, w, a});
      cases.push_back({4, 8209, 4, w, a});
      cases.push_back({256, 1281, 32, w, a});
    }
  }
  // What is left of eight or sixteen tokens.
  for (std::size_t tokens = 9; !quick && tokens <= 24; ++tokens) {
    cases.push_back({33, 261, tokens, WeightFill::kRandom, ActivationFill::kRandom});
  }
  for (const ActivationFill a : {ActivationFill::kRandom, ActivationFill::kExtremes}) {
    cases.push_back({130, 300, 2, WeightFill::kRandom, a});
    cases.push_back({37, 2560, 1, WeightFill::kRandom, a});
    cases.push_back({5, 8209, 3, WeightFill::kRandom, a});
    // Whole blocks of tokens and of rows, and what is left of both.
    cases.push_back({258, 529, 37, WeightFill::kRandom, a});
    if (quick) continue;
    cases.push_back({2090, 261, 64, WeightFill::kRandom, a});
    cases.push_back({261, 1281, 5, WeightFill::kRandom, a});
    cases.push_back({70, 2560, 17, WeightFill::kRandom, a});
    cases.push_back({33, 6912, 9, WeightFill::kRandom, a});
    cases.push_back({9, 20000, 4, WeightFill::kOne, a});
  }
  return cases;
}

std::int8_t weight(WeightFill fill, Random& random) {
  switch (fill) {
    case WeightFill::kRandom:
      return static_cast<std::int8_t>(static_cast<int>(random.below(3)) - 1);
    case WeightFill::kMinusOne:
      return -1;
    case WeightFill::kZero:
      return 0;
    case WeightFill::kOne:
      return 1;
  }
  return 0;
}

std::int8_t activation(ActivationFill fill, Random& random) {
  switch (fill) {
    case ActivationFill::kRandom:
      return static_cast<std::int8_t>(random.next());
    case ActivationFill::kLowest:
      return -128;
    case ActivationFill::kHighest:
      return 127;
    case ActivationFill::kExtremes:
      return random.next() % 2 == 0 ? -128 : 127;
  }
  return 0;
}

// y = Σ w·(q ≥ 0 ? 1 : −1).
void sign_bits_product(const std::int8_t* trits, std::size_t trit_stride, std::size_t rows,
                       const Activations& x, std::int32_t* out) {
  for (std::size_t t = 0; t < x.tokens; ++t) {
    for (std::size_t r = 0; r < rows; ++r) {
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < x.cols; ++k) {
        sum += trits[r * trit_stride + k] * (x.q[t * x.stride + k] >= 0 ? 1 : -1);
      }
      out[t * rows + r] = sum;
    }
  }
}

// y = Σ w_k·q of the first of the eight columns that k belongs to.
void byte_value_product(const std::int8_t* trits, std::size_t trit_stride, std::size_t rows,
                        const Activations& x, std::int32_t* out) {
  for (std::size_t t = 0; t < x.tokens; ++t) {
    for (std::size_t r = 0; r < rows; ++r) {
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < x.cols; ++k) {
        sum += trits[r * trit_stride + k] * x.q[t * x.stride + k / 8 * 8];
      }
      out[t * rows + r] = sum;
    }
  }
}

// False where no definition is known.
bool expected_product(const Encoding& encoding, const std::int8_t* trits, std::size_t trit_stride,
                      std::size_t rows, const Activations& x, std::int32_t* out) {
  const std::string_view name = encoding.name;
  if (encoding.exact) {
    reference_product(trits, trit_stride, rows, x, out, rows);
  } else if (name == "sign-bits") {
    sign_bits_product(trits, trit_stride, rows, x, out);
  } else if (name == "byte-value") {
    byte_value_product(trits, trit_stride, rows, x, out);
  } else {
    return false;
  }
  return true;
}

// Bytes that start at a chosen offset and end where the allocation ends, so that a sanitizer sees
// the first byte read past them.
class Bytes {
 public:
  Bytes(std::size_t offset, std::size_t size, int fill)
      : storage_(new std::uint8_t[offset + size]), offset_(offset) {
    std::memset(storage_.get(), fill, offset + size);
  }
  std::uint8_t* data() { return storage_.get() + offset_; }

 private:
  std::unique_ptr<std::uint8_t[]> storage_;
  std::size_t offset_;
};

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kTableGuard = 0;
#elif defined(__has_feature)
constexpr std::size_t kTableGuard = __has_feature(address_sanitizer) ? 0 : 64;
#else
constexpr std::size_t kTableGuard = 64;
#endif

// A kernel's table: 64-byte aligned, and followed by guard bytes or, where the address sanitizer
// sees more than they could, by nothing.
class Table {
 public:
  explicit Table(std::size_t bytes)
      : bytes_(bytes),
        data_(static_cast<std::uint8_t*>(
            ::operator new (bytes + kTableGuard, std::align_val_t{64}))) {}
  ~Table() { ::operator delete (data_, std::align_val_t{64}); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  std::uint8_t* data() { return data_; }
  void poison(int fill) {
    std::memset(data_, fill, bytes_);
    std::memset(data_ + bytes_, kGuard, kTableGuard);
  }
  bool guard_whole() const {
    return std::all_of(data_ + bytes_, data_ + bytes_ + kTableGuard,
                       [](std::uint8_t b) { return b == kGuard; });
  }

 private:
  static constexpr std::uint8_t kGuard = 0xC3;
  std::size_t bytes_;
  std::uint8_t* data_;
};

// The operands of a case, and what must come out.
struct Problem {
  Problem(const Encoding& encoding, const Case& c, Random& random)
      : trit_stride(round_up(c.cols, kActivationBlock)),
        // Between the rows lies junk: only the padding up to kActivationBlock is zero.
        stride(trit_stride + random.below(3) * 19),
        trits(c.rows * trit_stride, 0),
        q(random.below(64), (c.tokens - 1) * stride + trit_stride, 0x5A),
        sums(c.tokens, 0),
        expected(c.rows * c.tokens) {
    for (std::size_t r = 0; r < c.rows; ++r) {
      for (std::size_t k = 0; k < c.cols; ++k) {
        trits[r * trit_stride + k] = weight(c.weights, random);
      }
    }
    auto* values = reinterpret_cast<std::int8_t*>(q.data());
    for (std::size_t t = 0; t < c.tokens; ++t) {
      std::memset(values + t * stride, 0, trit_stride);
      for (std::size_t k = 0; k < c.cols; ++k) {
        values[t * stride + k] = activation(c.activations, random);
        sums[t] += values[t * stride + k];
      }
    }
    activations = {values, stride, c.tokens, c.cols, sums.data()};
    const PackedMatrix matrix = pack(encoding, c.rows, c.cols, [&](std::size_t r, std::int8_t* w) {
      std::memcpy(w, trits.data() + r * trit_stride, c.cols);
    });
    packed = std::make_unique<Bytes>(random.below(64), matrix.bytes(), 0);
    view = matrix.view();
    std::memcpy(packed->data(), view.data, matrix.bytes());
    view.data = packed->data();
  }

  std::size_t trit_stride;
  std::size_t stride;
  std::vector<std::int8_t> trits;
  Bytes q;
  std::vector<std::int32_t> sums;
  std::vector<std::int32_t> expected;
  std::unique_ptr<Bytes> packed;
  Activations activations;
  PackedView view;
};

// Boundaries 0 = b_0 < b_1 < … = n, at multiples of `align` except the last; one piece or several.
std::vector<std::size_t> boundaries(std::size_t n, std::size_t align, bool split, Random& random) {
  std::vector<std::size_t> at{0};
  while (split && at.back() + align < n) {
    const std::size_t units = (n - at.back()) / align;
    at.push_back(at.back() + align * (1 + random.below(std::min<std::size_t>(units, 9))));
    if (at.back() >= n) at.pop_back();
    if (at.size() > 24) break;
  }
  at.push_back(n);
  return at;
}

class Run {
 public:
  Run(const Kernel& kernel, const Case& c, Problem& problem, Random& random)
      : kernel_(kernel), case_(c), problem_(problem), random_(random) {}

  // Empty, or what went wrong.
  std::string operator()(bool split, std::int32_t poison) {
    std::string failure = multiply_and_compare(split, poison);
    if (!failure.empty() || kernel_.multiply_columns == nullptr || case_.tokens != 1) {
      return failure;
    }
    failure = add_columns_and_compare(split, poison);
    return failure.empty() ? failure : "by columns: " + failure;
  }

 private:
  static constexpr std::size_t kGuard = 64;

  std::string multiply_and_compare(bool split, std::int32_t poison) {
    const Encoding& encoding = *kernel_.encoding;
    const std::size_t bytes =
        kernel_.table_bytes == nullptr ? 0 : kernel_.table_bytes(case_.cols, case_.tokens);
    Table table(bytes);
    table.poison(split ? 0x80 : 0x7F);
    if (kernel_.build != nullptr) {
      const std::size_t groups = (case_.cols + encoding.group_cols - 1) / encoding.group_cols;
      const auto at = boundaries(groups, kBuildAlign, split, random_);
      for (std::size_t i = at.size() - 1; i-- > 0;) {  // last first: order must not matter
        kernel_.build(problem_.activations, {at[i], at[i + 1]}, table.data());
      }
      if (!table.guard_whole()) return "build wrote past the table's end";
    }

    const std::size_t out_stride = case_.rows + random_.below(4) * 3;
    const std::size_t lead = kGuard + random_.below(16);  // any alignment of the results
    std::vector<std::int32_t> out(lead + case_.tokens * out_stride + kGuard, poison);
    const auto at = boundaries(case_.rows, encoding.row_tile, split, random_);
    for (std::size_t i = at.size() - 1; i-- > 0;) {
      kernel_.multiply(problem_.view, problem_.activations, bytes == 0 ? nullptr : table.data(),
                       {at[i], at[i + 1]}, out.data() + lead + at[i], out_stride);
    }
    if (!table.guard_whole()) return "multiply wrote past the table's end";
    return compare(out, lead, out_stride, poison);
  }

  // Parts of the columns, any row ranges of each, added up.
  std::string add_columns_and_compare(bool split, std::int32_t poison) {
    const Encoding& encoding = *kernel_.encoding;
    const std::size_t groups = (case_.cols + encoding.group_cols - 1) / encoding.group_cols;
    const std::size_t lead = kGuard + random_.below(16);
    std::vector<std::int32_t> sums(lead + case_.rows + kGuard, poison);
    std::fill_n(sums.begin() + static_cast<std::ptrdiff_t>(lead), case_.rows, 0);
    auto columns = boundaries(groups, 1, split, random_);
    if (split) columns.push_back(groups);  // a thread may have none
    for (std::size_t i = columns.size() - 1; i-- > 0;) {
      std::vector<std::int32_t> out(lead + case_.rows + kGuard, poison);
      const auto at = boundaries(case_.rows, encoding.row_tile, split, random_);
      for (std::size_t j = at.size() - 1; j-- > 0;) {
        kernel_.multiply_columns(problem_.view, problem_.activations, {columns[i], columns[i + 1]},
                                 {at[j], at[j + 1]}, out.data() + lead + at[j]);
      }
      for (std::size_t k = 0; k < out.size(); ++k) {
        if (k >= lead && k < lead + case_.rows) {
          sums[k] += out[k];
        } else if (out[k] != poison) {
          sums[k] = out[k];
        }
      }
    }
    return compare(sums, lead, case_.rows, poison);
  }

  std::string compare(const std::vector<std::int32_t>& out, std::size_t lead,
                      std::size_t out_stride, std::int32_t poison) const {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t t = i < lead ? case_.tokens : (i - lead) / out_stride;
      const std::size_t r = i < lead ? 0 : (i - lead) % out_stride;
      if (t >= case_.tokens || r >= case_.rows) {
        if (out[i] == poison) continue;
        return "wrote " + std::to_string(out[i]) + " outside the results, at element " +
               std::to_string(static_cast<std::ptrdiff_t>(i) - static_cast<std::ptrdiff_t>(lead)) +
               " with stride " + std::to_string(out_stride);
      }
      const std::int32_t expected = problem_.expected[t * case_.rows + r];
      if (out[i] == expected) continue;
      return "token " + std::to_string(t) + ", row " + std::to_string(r) + ": " +
             (out[i] == poison ? "left unwritten" : "got " + std::to_string(out[i])) +
             ", expected " + std::to_string(expected);
    }
    return {};
  }

  const Kernel& kernel_;
  const Case& case_;
  Problem& problem_;
  Random& random_;
};

std::string unpack_failure(const Encoding& encoding, const Case& c, const Problem& problem) {
  std::vector<std::int8_t> trits(encoding.row_tile * problem.trit_stride);
  for (std::size_t r = 0; r < c.rows; r += encoding.row_tile) {
    const std::size_t rows = std::min(encoding.row_tile, c.rows - r);
    unpack_tile(encoding, problem.view, r / encoding.row_tile, trits.data(), problem.trit_stride);
    for (std::size_t i = 0; i < rows; ++i) {
      if (std::memcmp(trits.data() + i * problem.trit_stride,
                      problem.trits.data() + (r + i) * problem.trit_stride, c.cols) != 0) {
        return "row " + std::to_string(r + i) + " unpacks to other weights than were packed";
      }
    }
  }
  return {};
}

}  // namespace

VerifyResult verify_kernel(const Kernel& kernel, VerifyOptions options) {
  const Encoding& encoding = *kernel.encoding;
  const std::string who = std::string(kernel.name) + "/" + encoding.name;
  VerifyResult result;
  const auto fail = [&](const std::string& what) {
    result.ok = false;
    result.failure = who + ": " + what;
    return result;
  };
  if (const std::string reason = why_not_runnable(kernel); !reason.empty()) return fail(reason);
  if (encoding.prepare != nullptr) encoding.prepare();

  Random random(options.seed);
  for (const Case& c : hard_cases(options.quick)) {
    ++result.cases;
    const std::string shape = std::to_string(c.rows) + "x" + std::to_string(c.cols) + ", " +
                              std::to_string(c.tokens) + " tokens, seed " +
                              std::to_string(options.seed) + ": ";
    Problem problem(encoding, c, random);
    if (std::string what = unpack_failure(encoding, c, problem); !what.empty()) {
      return fail(shape + what);
    }
    if (!expected_product(encoding, problem.trits.data(), problem.trit_stride, c.rows,
                          problem.activations, problem.expected.data())) {
      return fail("inexact, and no definition of it is known here");
    }
    Run run(kernel, c, problem, random);
    // Two poisons: an element left unwritten cannot hold the expected value both times.
    if (std::string what = run(false, 0x5EAF00D); !what.empty()) return fail(shape + what);
    if (std::string what = run(true, -77777777); !what.empty())
      return fail(shape + "split, " + what);
  }
  return result;
}

}  // namespace ryz
