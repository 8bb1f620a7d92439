#include "harness/measure/scaling_laws.h"

#include <algorithm>

namespace ryz {
namespace {

bool usable(const ScalingPoint& p) { return p.threads >= 2.0 && p.speedup > 0.0; }

// What a perfect speed-up would make 0.
double loss(const ScalingPoint& p) { return p.threads / p.speedup - 1.0; }

}  // namespace

std::optional<double> fit_amdahl(const std::vector<ScalingPoint>& points) {
  double xy = 0.0;
  double xx = 0.0;
  for (const ScalingPoint& p : points) {
    if (!usable(p)) continue;
    const double x = p.threads - 1.0;
    xy += x * loss(p);
    xx += x * x;
  }
  if (xx == 0.0) return std::nullopt;
  return std::clamp(xy / xx, 0.0, 1.0);
}

double amdahl_speedup(double serial_share, double threads) {
  return 1.0 / (serial_share + (1.0 - serial_share) / threads);
}

std::optional<UslFit> fit_usl(const std::vector<ScalingPoint>& points) {
  double aa = 0.0, ab = 0.0, bb = 0.0, ay = 0.0, by = 0.0;
  double least = 0.0, most = 0.0;
  for (const ScalingPoint& p : points) {
    if (!usable(p)) continue;
    const double a = p.threads - 1.0;
    const double b = p.threads * a;
    aa += a * a;
    ab += a * b;
    bb += b * b;
    ay += a * loss(p);
    by += b * loss(p);
    least = least == 0.0 ? p.threads : std::min(least, p.threads);
    most = std::max(most, p.threads);
  }
  if (least == most) return std::nullopt;
  const double determinant = aa * bb - ab * ab;
  UslFit fit{(ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant};
  // Where one parameter wants to be negative the best of the allowed lies on that edge.
  if (fit.contention < 0.0) fit = {0.0, std::max(0.0, by / bb)};
  if (fit.coherency < 0.0) fit = {std::max(0.0, ay / aa), 0.0};
  return fit;
}

double usl_speedup(const UslFit& fit, double threads) {
  return threads /
         (1.0 + fit.contention * (threads - 1.0) + fit.coherency * threads * (threads - 1.0));
}

}  // namespace ryz
