#include "millrace/detail/worker_frame.hpp"

#include <thread>

#include "support/catch.hpp"

using millrace::detail::caller_scope;
using millrace::detail::frame_of_this_thread;
using millrace::detail::worker_frame;

TEST_CASE("a thread works for its pool and for every pool that waits for its job") {
  const int pools[5] = {};
  std::thread([&] {
    worker_frame& mine = frame_of_this_thread();
    CHECK_FALSE(mine.works_for(&pools[1]));
    mine.pool = &pools[1];
    CHECK(frame_of_this_thread().works_for(&pools[1]));
    const worker_frame outermost{&pools[2], nullptr};
    const worker_frame caller{&pools[3], &outermost};
    {
      const caller_scope scope(mine, &caller);
      CHECK(mine.works_for(&pools[1]));
      CHECK(mine.works_for(&pools[2]));
      CHECK(mine.works_for(&pools[3]));
      CHECK_FALSE(mine.works_for(&pools[4]));
    }
    CHECK_FALSE(mine.works_for(&pools[3]));
    CHECK(mine.works_for(&pools[1]));
  }).join();
  CHECK_FALSE(frame_of_this_thread().works_for(&pools[1]));
}
