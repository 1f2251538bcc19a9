#include "problems/problems.hpp"
#include "support/report.hpp"

int main(int argc, char** argv) {
  bench::suite all;
  bench::add_calibration(all);
  bench::add_latency(all);
  bench::add_throughput(all);
  bench::add_isolated(all);
  bench::add_load(all);
  bench::add_crowded(all);
  bench::add_timer(all);
  bench::add_parallel(all);
  bench::add_patterns(all);
  bench::add_adaptive(all);
  bench::add_idle(all);
  return bench::run_main(argc, argv, all);
}
