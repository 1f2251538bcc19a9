#include <asio/any_io_executor.hpp>
#include <asio/bind_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/io_context.hpp>
#include <asio/require.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>
#include <cstddef>
#include <exception>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/job_types.hpp"

// Handlers on strands of an io_context: their jobs come back to the context together, and from
// there each to its own strand.

using millrace::ComputePool;

namespace {

// Calls `test(make_strand)` for each type that a strand of an io_context may have.
template <class Test>
void for_each_strand(Test test) {
  const auto with = [&](std::string name, auto make_strand) {
    INFO(name);
    test(make_strand);
  };
  const auto any = [](asio::io_context& c) { return asio::any_io_executor(c.get_executor()); };
  with("strand", [](auto& c) { return asio::make_strand(c); });
  with("strand of a strand", [](auto& c) { return asio::make_strand(asio::make_strand(c)); });
  with("strand of any_io_executor", [=](auto& c) { return asio::make_strand(any(c)); });
  with("strand of any_io_executor, a strand",
       [](auto& c) { return asio::make_strand(asio::any_io_executor(asio::make_strand(c))); });
  with("any_io_executor, strand",
       [](auto& c) { return asio::any_io_executor(asio::make_strand(c)); });
  with("any_io_executor, strand of any_io_executor",
       [=](auto& c) { return asio::any_io_executor(asio::make_strand(any(c))); });
}

// Whether this thread is on a strand: what is dispatched there runs at once, elsewhere it waits.
template <class Strand>
bool on(const Strand& strand) {
  auto called = std::make_shared<bool>(false);
  asio::dispatch(strand, [called] { *called = true; });
  return *called;
}

void wait_for_all(ComputePool<>& pool) {
  pool.async_drain(asio::use_future).get();
}

}  // namespace

TEST_CASE("jobs of many strands come back in one turn of their loop [P5]") {
  for_each_strand([](auto make_strand) {
    ComputePool pool{{.threads = 1}};
    asio::io_context context;
    using strand = decltype(make_strand(context));
    constexpr std::size_t jobs = 10;
    std::vector<strand> strands;
    for (std::size_t i = 0; i < jobs; ++i) strands.push_back(make_strand(context));
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < jobs; ++i) {
      pool.execute([] {}, asio::bind_executor(
                              strands[i], [&order, i](std::exception_ptr) { order.push_back(i); }));
    }
    wait_for_all(pool);
    CHECK(context.poll_one() == 1);
    CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    context.run();  // nothing is left that keeps it
    CHECK(order.size() == jobs);
  });
}

TEST_CASE("a strand that is busy gets its jobs later, on the strand and in order [P5]") {
  for_each_strand([](auto make_strand) {
    ComputePool pool{{.threads = 1}};
    asio::io_context context;
    const auto strand = make_strand(context);
    std::vector<int> order;
    bool all_on_strand = true;
    for (int i = 0; i < 10; ++i) {
      pool.execute([] {}, asio::bind_executor(strand, [&, i](std::exception_ptr) {
                     if (i == 0) {
                       // Takes the others as far as they can get.
                       std::thread([&] { context.poll(); }).join();
                       order.push_back(-1);
                     }
                     order.push_back(i);
                     all_on_strand = all_on_strand && on(strand);
                   }));
    }
    wait_for_all(pool);
    context.run();
    CHECK(order == std::vector{-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(all_on_strand);
  });
}

TEST_CASE("run() knows of jobs whose handlers are on strands [P6]") {
  for_each_strand([](auto make_strand) {
    ComputePool pool{{.threads = 1}};
    asio::io_context context;
    std::latch release(1);
    bool called = false;
    pool.execute(
        [&] { release.wait(); },
        asio::bind_executor(make_strand(context), [&](std::exception_ptr) { called = true; }));
    CHECK(context.poll() == 0);
    CHECK_FALSE(context.stopped());
    release.count_down();
    context.run();
    CHECK(called);
    CHECK(context.stopped());
  });
}

TEST_CASE("handlers on strands that throw leave run() one by one, the rest comes after them [P3]") {
  for_each_strand([](auto make_strand) {
    ComputePool pool{{.threads = 1}};
    asio::io_context context;
    std::vector<int> called;
    for (int i = 0; i < 10; ++i) {
      pool.execute([] {}, asio::bind_executor(make_strand(context), [&, i](std::exception_ptr) {
                     called.push_back(i);
                     if (i % 3 == 1) throw std::runtime_error("handler " + std::to_string(i));
                   }));
    }
    wait_for_all(pool);
    std::vector<std::string> thrown;
    std::vector<std::size_t> called_before;
    for (;;) {
      try {
        context.run();
        break;
      } catch (const std::runtime_error& error) {
        thrown.emplace_back(error.what());
        called_before.push_back(called.size());
      }
    }
    CHECK(thrown == std::vector<std::string>{"handler 1", "handler 4", "handler 7"});
    CHECK(called_before == std::vector<std::size_t>{2, 5, 8});
    CHECK(called == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  });
}

TEST_CASE("a handler that throws when its strand was busy leaves run(), too [P3]") {
  for_each_strand([](auto make_strand) {
    ComputePool pool{{.threads = 1}};
    asio::io_context context;
    const auto strand = make_strand(context);
    std::latch entered(1);
    std::latch release(1);
    pool.execute([] {}, asio::bind_executor(strand, [&](std::exception_ptr) {
                   entered.count_down();
                   release.wait();
                 }));
    pool.execute([] {}, asio::bind_executor(
                            strand, [](std::exception_ptr) { throw std::runtime_error("later"); }));
    wait_for_all(pool);
    std::thread busy([&] { context.run_one(); });
    entered.wait();
    context.poll();  // takes the second as far as it can get
    release.count_down();
    busy.join();
    CHECK_THROWS_WITH(context.run(), "later");
  });
}

TEST_CASE("what is thrown in a loop that a handler on a strand runs leaves that loop [P3]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context outer;
  asio::io_context inner;
  bool left_inner = false;
  // Comes back by an executor's function object, as one on a strand does.
  pool.execute([] {},
               asio::bind_executor(
                   asio::require(inner.get_executor(), asio::execution::outstanding_work.tracked),
                   [](std::exception_ptr) { throw std::runtime_error("inner"); }));
  pool.execute([] {}, asio::bind_executor(asio::make_strand(outer), [&](std::exception_ptr) {
                 try {
                   inner.run();
                 } catch (const std::runtime_error&) {
                   left_inner = true;
                 }
                 throw std::runtime_error("outer");
               }));
  wait_for_all(pool);
  CHECK_THROWS_WITH(outer.run(), "outer");
  CHECK(left_inner);
}

TEST_CASE("jobs that wait for their strand are dropped with its context [P19]") {
  for_each_strand([](auto make_strand) {
    ComputePool pool{{.threads = 1}};
    auto context = std::make_unique<asio::io_context>();
    auto strand = std::make_optional(make_strand(*context));
    int called = 0;
    int destroyed = 0;
    for (int i = 0; i < 3; ++i) {
      pool.execute([] {}, asio::bind_executor(*strand, [&, gone = test::AtEnd([&] {
                                                             ++destroyed;
                                                           })](std::exception_ptr) {
                     if (++called > 1) return;
                     std::thread([&] { context->poll(); }).join();  // the strand is busy: they wait
                     context->stop();
                   }));
    }
    wait_for_all(pool);
    context->run();
    CHECK(called == 1);
    CHECK(destroyed == 1);
    strand.reset();
    context.reset();
    CHECK(called == 1);
    CHECK(destroyed == 3);
  });
}

TEST_CASE("a strand of the pool itself has its handlers on workers [P5]") {
  ComputePool pool{{.threads = 2}};
  const auto strand = asio::make_strand(pool.get_executor());
  std::latch done(100);
  int sum = 0;  // on the strand only
  for (int i = 0; i < 100; ++i) {
    pool.execute([i] { return i; }, asio::bind_executor(strand, [&](std::exception_ptr, int value) {
                   sum += value;
                   done.count_down();
                 }));
  }
  done.wait();
  CHECK(sum == 4950);
}
