// An earlier version of the library in the problems where it is compared with this one: the same
// sources, built with its headers. tools/bench --baseline.
#include "problems/problems.hpp"
#include "support/report.hpp"

int main(int argc, char** argv) {
  bench::suite all;
  bench::add_isolated(all);
  bench::add_load(all);
  bench::add_crowded(all);
  bench::add_parallel(all);
  return bench::run_main(argc, argv, all);
}
