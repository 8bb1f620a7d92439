#include "harness/measure/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ryz {
namespace {

std::string duration(double s) {
  if (s < 0) s = 0;
  const auto whole = std::lround(s);
  return whole < 60 ? fmt::format("{}s", whole) : fmt::format("{}m{:02}s", whole / 60, whole % 60);
}

// What fits one line of the terminal: a longer one would wrap, and stay when the next one is
// written over it. The last column too makes some terminals wrap.
std::string fitted(const std::string& line) {
  winsize size{};
  constexpr std::size_t kUsual = 80;
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  const std::size_t most = (known ? size.ws_col : kUsual) - 1;
  return line.size() <= most ? line : line.substr(0, most);
}

}  // namespace

Progress::Progress(Mode mode) : on_(mode == Mode::kAuto), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (on_ && terminal_ && width_ > 0) fmt::print(stderr, "\n");
}

void Progress::begin(const std::string& what, double seconds) {
  what_ = what;
  estimate_ = seconds;
  start_ = printed_ = Clock::now();
  print(seconds > 0 ? fmt::format("[{}] about {}", what, duration(seconds))
                    : fmt::format("[{}]", what),
        false);
}

void Progress::update(double share, const std::string& at) {
  const auto now = Clock::now();
  const std::chrono::duration<double> pause(terminal_ ? 0.1 : 10.0);
  if (now - printed_ < pause) return;
  printed_ = now;
  const double spent = std::chrono::duration<double>(now - start_).count();
  // The share done predicts better than the estimate once some of it is done.
  const double left = share > 0.05 ? spent / share - spent : estimate_ * (1.0 - share);
  // What is cut where it does not fit is the cell's name, which comes last.
  print(fmt::format("[{}] {:3.0f}%  ETA {}  {}", what_, 100.0 * std::min(1.0, share),
                    duration(left), at),
        false);
}

void Progress::end() {
  const double spent = std::chrono::duration<double>(Clock::now() - start_).count();
  print(fmt::format("[{}] done in {}", what_, duration(spent)), true);
}

void Progress::print(const std::string& line, bool final) {
  if (!on_) return;
  if (!terminal_) {
    fmt::print(stderr, "{}\n", line);
    return;
  }
  std::string padded = fitted(line);
  const std::size_t width = padded.size();
  if (width < width_) padded.append(width_ - width, ' ');
  width_ = width;
  fmt::print(stderr, "\r{}{}", padded, final ? "\n" : "");
  std::fflush(stderr);
  if (final) width_ = 0;
}

}  // namespace ryz
