#include "millrace/metrics.hpp"

#include "support/catch.hpp"

TEST_CASE("a snapshot of nothing is all zero") {
  const millrace::MetricsSnapshot none;
  CHECK(none.submitted + none.started + none.completed + none.failed + none.slow == 0);
  CHECK(none.pending + none.active == 0);
  CHECK(none.queue_wait.max.count() == 0);
  CHECK(none.run_time.count == 0);
  CHECK(none.completion_delay.sum.count() == 0);
}
