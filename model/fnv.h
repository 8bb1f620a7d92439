// FNV-1a, 64 bits (Fowler, Noll, Vo): names a model in reports; no defence against forgery.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ryz {

class Fnv {
 public:
  void add(const void* bytes, std::size_t size) {
    const auto* p = static_cast<const std::uint8_t*>(bytes);
    for (std::size_t i = 0; i < size; ++i) hash_ = (hash_ ^ p[i]) * 0x100000001b3u;
  }
  void add(std::uint64_t value) { add(&value, sizeof value); }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace ryz
