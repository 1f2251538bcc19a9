#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "support/clocks.hpp"
#include "support/options.hpp"

namespace bench {

/// One number that a run of a variant gave: "p50" of 1.25 "us".
struct measurement {
  std::string metric;
  std::string unit;
  double value;
};

using measurements = std::vector<measurement>;

/// A problem, solved by one rival, in one size. Variants of one problem and size that follow one
/// another are compared, so they are run in turn.
struct variant {
  std::string problem;
  std::string rival;
  int workers = 0;
  int in_flight = 0;
  nanoseconds time;  ///< how long one run should take; `--time` overrides it
  /// Runs once, throws if a result is wrong.
  std::function<measurements(nanoseconds)> run;
};

/// All values of one metric of one variant, one per round.
struct row {
  std::string problem;
  std::string rival;
  int workers;
  int in_flight;
  std::string metric;
  std::string unit;
  std::vector<double> values;
};

class suite {
 public:
  void add(variant next) { variants_.push_back(std::move(next)); }

  /// Those that the options select, in rounds: A B C A B C, each round starting with another one.
  /// Tells its progress on stderr if that is a terminal.
  [[nodiscard]] std::vector<row> run(const options& wanted) const;

  /// The names of all variants, one per line.
  void list() const;

 private:
  std::vector<variant> variants_;
};

}  // namespace bench
