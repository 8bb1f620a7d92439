#include "kernels/cpu.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace ryz {
namespace {

struct Name {
  std::string_view name;
  std::uint32_t bit;
};

constexpr std::array kNames{
    Name{"avx", kIsaAvx},
    Name{"avx2", kIsaAvx2},
    Name{"fma", kIsaFma},
    Name{"f16c", kIsaF16c},
    Name{"bmi", kIsaBmi},
    Name{"bmi2", kIsaBmi2},
    Name{"avx512f", kIsaAvx512f},
    Name{"avx512bw", kIsaAvx512bw},
    Name{"avx512dq", kIsaAvx512dq},
    Name{"avx512vl", kIsaAvx512vl},
    Name{"avx512cd", kIsaAvx512cd},
    Name{"avx512vbmi", kIsaAvx512vbmi},
    Name{"avx512vnni", kIsaAvx512vnni},
    Name{"gfni", kIsaGfni},
    Name{"amx_tile", kIsaAmxTile},
    Name{"amx_int8", kIsaAmxInt8},
};

constexpr std::uint32_t kAllAvx512 = kIsaAvx512f | kIsaAvx512bw | kIsaAvx512dq | kIsaAvx512vl |
                                     kIsaAvx512cd | kIsaAvx512vbmi | kIsaAvx512vnni;
constexpr std::uint32_t kAllAmx = kIsaAmxTile | kIsaAmxInt8;
constexpr std::uint32_t kAllYmm = kIsaAvx | kIsaAvx2 | kIsaFma | kIsaF16c;
constexpr std::uint32_t kNoRegisters = kIsaBmi | kIsaBmi2 | kIsaGfni;

struct CpuidRegisters {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidRegisters cpuid(unsigned leaf) {
  CpuidRegisters r;
  if (__get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

// XCR0: which register states the OS saves. 0 where the OS never enabled XSAVE.
std::uint64_t saved_register_state() {
  constexpr unsigned kOsxsave = 1u << 27;
  if ((cpuid(1).ecx & kOsxsave) == 0) return 0;
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  // The intrinsic needs -mxsave on the whole file; one instruction does not.
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

IsaSet read_cpu() {
  const CpuidRegisters one = cpuid(1);
  const CpuidRegisters seven = cpuid(7);
  std::uint32_t bits = 0;
  const auto add = [&bits](unsigned reg, unsigned bit, std::uint32_t flag) {
    if ((reg >> bit) & 1u) bits |= flag;
  };
  add(one.ecx, 28, kIsaAvx);
  add(one.ecx, 12, kIsaFma);
  add(one.ecx, 29, kIsaF16c);
  add(seven.ebx, 3, kIsaBmi);
  add(seven.ebx, 5, kIsaAvx2);
  add(seven.ebx, 8, kIsaBmi2);
  add(seven.ebx, 16, kIsaAvx512f);
  add(seven.ebx, 17, kIsaAvx512dq);
  add(seven.ebx, 28, kIsaAvx512cd);
  add(seven.ebx, 30, kIsaAvx512bw);
  add(seven.ebx, 31, kIsaAvx512vl);
  add(seven.ecx, 1, kIsaAvx512vbmi);
  add(seven.ecx, 8, kIsaGfni);
  add(seven.ecx, 11, kIsaAvx512vnni);
  add(seven.edx, 24, kIsaAmxTile);
  add(seven.edx, 25, kIsaAmxInt8);
  return {bits};
}

// Linux saves the tiles' 8 KB only of processes that asked for it; one call holds for all threads.
bool ask_for_tiles() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM, Linux 5.16
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

IsaSet read_os() {
  constexpr std::uint64_t kYmmState = 0x6;   // XMM and YMM halves
  constexpr std::uint64_t kZmmState = 0xe6;  // and opmask, ZMM halves, upper 16 registers
  constexpr std::uint64_t kTileState = 0x60000;
  const std::uint64_t state = saved_register_state();
  std::uint32_t bits = kNoRegisters;
  if ((state & kYmmState) == kYmmState) bits |= kAllYmm;
  if ((state & kZmmState) == kZmmState) bits |= kAllAvx512;
  if ((state & kTileState) == kTileState && ask_for_tiles()) bits |= kAllAmx;
  return {bits};
}

IsaSet& mask() {
  static IsaSet masked;
  return masked;
}

}  // namespace

IsaSet cpu_isa() {
  static const IsaSet isa = read_cpu();
  return isa;
}

IsaSet os_isa() {
  static const IsaSet isa = read_os();
  return isa;
}

Core core() {
  static const Core core = [] {
    const CpuidRegisters r = cpuid(0);
    if (r.ebx != signature_AMD_ebx || r.ecx != signature_AMD_ecx || r.edx != signature_AMD_edx) {
      return Core::kOther;
    }
    constexpr unsigned kZen5Family = 0x1A;
    const std::uint32_t version = cpuid(1).eax;
    const std::uint32_t family = (version >> 8 & 0xF) + (version >> 20 & 0xFF);
    return family >= kZen5Family ? Core::kZen5 : Core::kBeforeZen5;
  }();
  return core;
}

IsaSet usable_isa() { return minus({cpu_isa().bits & os_isa().bits}, mask()); }

IsaSet with_dependents(IsaSet set) {
  if (set.bits & kIsaAvx) set.bits |= kAllYmm;
  if (set.bits & kIsaAvx2) set.bits |= kIsaFma | kIsaAvx512f;
  if (set.bits & kIsaAvx512f) set.bits |= kAllAvx512;
  if (set.bits & kIsaAmxTile) set.bits |= kAllAmx;
  return set;
}

void mask_isa(IsaSet masked) { mask().bits |= with_dependents(masked).bits; }

IsaSet masked_isa() { return mask(); }

std::vector<std::string> isa_names(IsaSet set) {
  std::vector<std::string> names;
  for (const Name& n : kNames) {
    if (set.bits & n.bit) names.emplace_back(n.name);
  }
  return names;
}

std::string isa_text(IsaSet set) {
  std::string text;
  for (const std::string& name : isa_names(set)) text += (text.empty() ? "" : " ") + name;
  return text.empty() ? "baseline" : text;
}

bool parse_isa(std::string_view name, IsaSet* out) {
  for (const Name& n : kNames) {
    if (n.name == name) {
      *out = {n.bit};
      return true;
    }
  }
  return false;
}

}  // namespace ryz
