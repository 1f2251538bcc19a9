#include "millrace/executor.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/bind_allocator.hpp>
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
#include "support/counting_allocator.hpp"

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

TEST_CASE("a tracked executor tells so, and doesn't keep the pool [P57]") {
  std::optional<millrace::ComputePool<>> pool(std::in_place, millrace::ComputeConfig{.threads = 1});
  const auto plain = pool->get_executor();
  const auto tracked = asio::require(plain, execution::outstanding_work.tracked);
  CHECK(asio::query(tracked, execution::outstanding_work) == execution::outstanding_work.tracked);
  CHECK(tracked != plain);
  CHECK(asio::require(tracked, execution::outstanding_work.untracked) == plain);
  pool.reset();  // hangs, and times out, if it waits
}

TEST_CASE("the allocator that a function object is bound to gives its memory") {
  const auto posts = [](auto post) {
    test::AllocationCounts counts;
    {
      millrace::ComputePool pool{{.threads = 1}};
      post(pool, test::CountingAllocator<void>(counts));
    }
    CHECK(counts.live == 0);
    return counts.made.load();
  };
  CHECK(posts([](auto& pool, auto allocator) {
          asio::post(pool, asio::bind_allocator(allocator, [] {}));
        }) == 1);
  CHECK(posts([](auto& pool, auto allocator) {
          asio::require(pool.get_executor(), execution::allocator(allocator)).execute([] {});
        }) == 1);
  CHECK(posts([](auto& pool, auto) { asio::post(pool, [] {}); }) == 0);
}
