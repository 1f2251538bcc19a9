#include "millrace/detail/worker_frame.hpp"

#include <thread>

#include "support/catch.hpp"

using millrace::detail::caller_scope;
using millrace::detail::this_worker;
using millrace::detail::worker_frame;
using millrace::detail::works_for;

TEST_CASE("a thread works for its pool and for every pool that waits for its job") {
  std::thread([] {
    CHECK_FALSE(works_for(1));
    this_worker.pool = 1;
    CHECK(works_for(1));
    const worker_frame outermost{2, nullptr};
    const worker_frame caller{3, &outermost};
    {
      const caller_scope scope(&caller);
      CHECK(works_for(1));
      CHECK(works_for(2));
      CHECK(works_for(3));
      CHECK_FALSE(works_for(4));
    }
    CHECK_FALSE(works_for(3));
    CHECK(works_for(1));
  }).join();
}
