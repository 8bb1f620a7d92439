// A file mapped for reading, whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ryz {

class MappedFile {
 public:
  // Throws InputError for what is missing, unreadable, not a regular file, or empty.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::uint8_t> bytes() const { return {data_, size_}; }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ryz
