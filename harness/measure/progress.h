// Live progress on stderr: a line that rewrites itself on a terminal, a plain line now and then
// elsewhere. Only called between samples.
#pragma once

#include <chrono>
#include <string>

namespace ryz {

class Progress {
 public:
  enum class Mode { kAuto, kOff };
  explicit Progress(Mode mode = Mode::kAuto);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // A named stretch of work estimated at `seconds`; replaces the one before.
  void begin(const std::string& what, double seconds);
  // How much of it is done, 0..1, and what is at hand. Where no estimate was given the ETA comes
  // from the share done.
  void update(double share, const std::string& at);
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  void print(const std::string& line, bool final);

  bool on_;
  bool terminal_;
  std::string what_;
  double estimate_ = 0.0;
  Clock::time_point start_;
  Clock::time_point printed_;
  std::size_t width_ = 0;
};

}  // namespace ryz
