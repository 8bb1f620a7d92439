// Two laws of scaling fitted to measured speed-ups. They describe a curve, they explain nothing:
// shown beside a projection, never instead of it.
#pragma once

#include <optional>
#include <vector>

namespace ryz {

struct ScalingPoint {
  double threads = 0.0;
  double speedup = 0.0;  // over one thread
};

// Amdahl (1967): S(N) = 1 / (s + (1 − s) / N). Least squares of N/S − 1 = s·(N − 1); s is cut to
// [0, 1]. Empty without a point at two threads or more.
std::optional<double> fit_amdahl(const std::vector<ScalingPoint>& points);
double amdahl_speedup(double serial_share, double threads);

// Gunther's universal scalability law (1993): S(N) = N / (1 + α(N − 1) + βN(N − 1)), α contention,
// β coherency. Least squares of N/S − 1, both from 0. Two parameters need two points at different
// thread counts of two or more: empty otherwise.
struct UslFit {
  double contention = 0.0;
  double coherency = 0.0;
};
std::optional<UslFit> fit_usl(const std::vector<ScalingPoint>& points);
double usl_speedup(const UslFit& fit, double threads);

}  // namespace ryz
