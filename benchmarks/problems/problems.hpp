#pragma once

#include "support/suite.hpp"

namespace bench {

void add_calibration(suite& all);  ///< what the machine can do: calls, thread to thread and back
void add_latency(suite& all);      ///< one empty job at a time
void add_throughput(suite& all);   ///< 1, 64, 1024 empty jobs in flight; strands; metrics
void add_isolated(suite& all);     ///< start latency and CPU time of jobs that find an idle pool
void add_load(suite& all);         ///< Poisson arrivals at 10 to 90 % of the workers' capacity
void add_crowded(suite& all);      ///< start latency while a loop of oneTBB's fills the machine
void add_timer(suite& all);        ///< how late a timer of the loop is while all workers compute
void add_parallel(suite& all);     ///< oneTBB's algorithms inside install, and raw
void add_patterns(suite& all);     ///< patterns over a million elements, and by hand with oneTBB
void add_adaptive(suite& all);     ///< jobs on the loop, on the pool, or where it is cheaper
void add_idle(suite& all);         ///< CPU time of a pool that has nothing to do any more

}  // namespace bench
