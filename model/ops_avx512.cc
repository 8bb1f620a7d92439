// The operations with AVX-512: flags are set on this file alone, see model/CMakeLists.txt.
#include "model/ops_table.h"

#define RYZ_LANES 16
namespace {
constexpr std::size_t kLanes = RYZ_LANES;
}  // namespace
#include "model/ops_lanes.inc"

namespace ryz {
constinit const OpsTable ops_avx512 = kTable;
}  // namespace ryz
