// Every encoding and kernel of this build, and lookup by name. Tests make catalogues of their own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/encoding.h"
#include "kernels/kernel.h"

namespace ryz {

struct Catalogue {
  std::vector<const Encoding*> encodings;
  std::vector<const Kernel*> kernels;  // those to prefer first come first

  const Encoding* find_encoding(std::string_view name) const;  // null where unknown
  const Kernel* find_kernel(std::string_view kernel, std::string_view encoding) const;
  std::vector<std::string> kernel_names() const;  // distinct, in catalogue order
  std::vector<std::string> encoding_names() const;
};

// The registered ones: kernels/CMakeLists.txt is the list.
const Catalogue& built_in_catalogue();

// Empty where the kernel can run on this CPU and OS with the current mask; otherwise the reason,
// e.g. "needs avx512vnni, which this CPU lacks".
std::string why_not_runnable(const Kernel& kernel);

}  // namespace ryz
