// A file mapped for reading, whole.
//
// A file that changes while it is mapped is another file: pages that it loses cannot be read any
// more (SIGBUS), and the rest of its last page turns to zeros. Whoever reads from a mapping calls
// check_unchanged() before the result is believed; on_lost_pages() says what a SIGBUS becomes.
#pragma once

#include <sys/stat.h>

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

  // Throws InputError where the file's size or time of modification is no longer what it was.
  void check_unchanged() const;

  // The pages that lie wholly in these bytes need not stay in memory; reading brings them back.
  void drop(std::span<const std::uint8_t> bytes) const;

 private:
  std::string path_;
  int fd_ = -1;
  struct stat opened_ {};
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// Called in the thread that could not read a page of a mapped file, with the file's path: inside
// the signal handler of SIGBUS, so it may only write() and must end the process. Once, at start.
using LostPagesHandler = void (*)(const char* path);
void on_lost_pages(LostPagesHandler handler);

}  // namespace ryz
