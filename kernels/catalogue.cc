#include "kernels/catalogue.h"

#include <algorithm>

#include "kernels/cpu.h"

namespace ryz {

#define RYZ_ENCODING(id) extern const Encoding encoding_##id;
#define RYZ_KERNEL(id) extern const Kernel kernel_##id;
#include "catalogue_list.inc"
#undef RYZ_ENCODING
#undef RYZ_KERNEL

const Encoding* Catalogue::find_encoding(std::string_view name) const {
  for (const Encoding* e : encodings) {
    if (e->name == name) return e;
  }
  return nullptr;
}

const Kernel* Catalogue::find_kernel(std::string_view kernel, std::string_view encoding) const {
  for (const Kernel* k : kernels) {
    if (k->name == kernel && k->encoding->name == encoding) return k;
  }
  return nullptr;
}

std::vector<std::string> Catalogue::kernel_names() const {
  std::vector<std::string> names;
  for (const Kernel* k : kernels) {
    if (std::find(names.begin(), names.end(), k->name) == names.end()) names.emplace_back(k->name);
  }
  return names;
}

std::vector<std::string> Catalogue::encoding_names() const {
  std::vector<std::string> names;
  for (const Encoding* e : encodings) names.emplace_back(e->name);
  return names;
}

const Catalogue& built_in_catalogue() {
  static const Catalogue catalogue{{
#define RYZ_ENCODING(id) &encoding_##id,
#define RYZ_KERNEL(id)
#include "catalogue_list.inc"
#undef RYZ_ENCODING
#undef RYZ_KERNEL
                                   },
                                   {
#define RYZ_ENCODING(id)
#define RYZ_KERNEL(id) &kernel_##id,
#include "catalogue_list.inc"
#undef RYZ_ENCODING
#undef RYZ_KERNEL
                                   }};
  return catalogue;
}

std::string why_not_runnable(const Kernel& kernel) {
  const IsaSet missing = minus(kernel.needs, usable_isa());
  if (missing == IsaSet{}) return {};
  const IsaSet not_cpu = minus(missing, cpu_isa());
  if (not_cpu != IsaSet{}) return "needs " + isa_text(not_cpu) + ", which this CPU lacks";
  const IsaSet not_os = minus(missing, os_isa());
  if (not_os != IsaSet{})
    return "needs " + isa_text(not_os) + ", whose registers the OS does not save";
  return "needs " + isa_text(missing) + ", which is masked by --without";
}

}  // namespace ryz
