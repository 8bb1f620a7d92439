#include "kernels/peak.h"

#include "kernels/cpu.h"

namespace ryz {

const MultiplyPeak* usable_peak() {
  for (const MultiplyPeak* peak : {&peak_avx512_vnni, &peak_avx2}) {
    if (contains(usable_isa(), peak->needs)) return peak;
  }
  return nullptr;
}

}  // namespace ryz
