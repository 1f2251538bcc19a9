#include "millrace/executor.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/execution.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <latch>
#include <optional>
#include <thread>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"

namespace execution = asio::execution;
using Executor = millrace::ComputePool<>::executor_type;

TEST_CASE("the pool's executor is one in Asio's sense") {
  STATIC_REQUIRE(execution::is_executor<Executor>::value);
  STATIC_REQUIRE(asio::can_require<Executor, execution::blocking_t::never_t>::value);
  STATIC_REQUIRE(asio::can_require<Executor, execution::outstanding_work_t::tracked_t>::value);
  millrace::ComputePool pool{{.threads = 1}};
  const asio::any_io_executor any = pool.get_executor();
  CHECK(&any.context() == &pool);
}

TEST_CASE("executors compare by pool and properties") {
  millrace::ComputePool one{{.threads = 1}};
  millrace::ComputePool two{{.threads = 1}};
  CHECK(one.get_executor() == one.get_executor());
  CHECK_FALSE(one.get_executor() == two.get_executor());
  CHECK_FALSE(asio::require(one.get_executor(), execution::blocking.never) == one.get_executor());
  CHECK(asio::query(asio::require(one.get_executor(), execution::blocking.never),
                    execution::blocking) == execution::blocking.never);
}

TEST_CASE("what is posted runs on a worker and is counted as a job") {
  millrace::ComputePool pool{{.threads = 1}};
  std::latch done(1);
  bool on_worker = false;
  asio::post(pool, [&] {
    on_worker = pool.get_executor().running_in_this_thread();
    done.count_down();
  });
  done.wait();
  CHECK(on_worker);
  CHECK_FALSE(pool.get_executor().running_in_this_thread());
  CHECK(pool.metrics().submitted == 1);
}

TEST_CASE("dispatch on a worker runs at once, post doesn't") {
  millrace::ComputePool pool{{.threads = 1}};
  std::latch done(1);
  bool dispatched_at_once = false;
  bool posted_at_once = true;
  asio::post(pool, [&] {
    bool ran = false;
    asio::dispatch(pool, [&] { ran = true; });
    dispatched_at_once = ran;
    posted_at_once = false;
    auto posted = std::make_shared<bool>(false);
    asio::post(pool, [&, posted] {
      *posted = true;
      done.count_down();
    });
    posted_at_once = *posted;
  });
  done.wait();
  CHECK(dispatched_at_once);
  CHECK_FALSE(posted_at_once);
}

TEST_CASE("strands over the pool keep one function at a time, in order") {
  millrace::ComputePool pool{{.threads = 2}};
  auto strand = asio::make_strand(pool.get_executor());
  std::atomic<int> inside = 0;
  bool alone = true;
  int last = -1;
  bool in_order = true;
  std::latch done(1000);
  for (int i = 0; i < 1000; ++i) {
    asio::post(strand, [&, i] {
      alone = alone && ++inside == 1;
      in_order = in_order && i == last + 1;
      last = i;
      --inside;
      done.count_down();
    });
  }
  done.wait();
  CHECK(alone);
  CHECK(in_order);
}

TEST_CASE("a tracked executor keeps the pool, through copies, moves and assignments") {
  std::optional<millrace::ComputePool<>> pool(std::in_place, millrace::ComputeConfig{.threads = 1});
  const auto track = [&] {
    return asio::require(pool->get_executor(), execution::outstanding_work.tracked);
  };
  std::atomic<bool> destroyed = false;
  std::latch started(1);
  std::thread destroyer;
  {
    auto first = track();
    auto copy = first;
    auto moved = std::move(first);
    auto assigned = pool->get_executor();
    assigned = copy;
    assigned = std::move(moved);
    copy = pool->get_executor();
    auto& self = assigned;
    assigned = self;
    destroyer = std::thread([&] {
      started.count_down();
      pool.reset();
      destroyed = true;
    });
    started.wait();
    // Only `assigned` still counts. Whatever was counted wrong would let the pool go here ...
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    CHECK_FALSE(destroyed);
    assigned.execute([] {});
  }
  destroyer.join();  // ... or never
  CHECK(destroyed);
}
