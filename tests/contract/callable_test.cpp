#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <memory_resource>
#include <stop_token>
#include <tuple>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "millrace/handle.hpp"
#include "millrace/job_size.hpp"
#include "millrace/patterns.hpp"
#include "millrace/size_check.hpp"
#include "support/catch.hpp"

using asio::use_future;
using millrace::ComputePool;
using millrace::Scope;

namespace {

// Knows whether it lies where its alignment wants it to, wherever it has been.
template <std::size_t Alignment>
struct alignas(Alignment) Aligned {
  Aligned() { check(); }
  Aligned(const Aligned& other) : right(other.right) { check(); }
  Aligned& operator=(const Aligned&) = default;

  void check() {
    // Volatile: the compiler knows that an address is aligned as it has to be.
    const Aligned* volatile here = this;
    if (reinterpret_cast<std::uintptr_t>(here) % Alignment != 0) right = false;
  }

  bool right = true;
};

// As a handler with an allocator of its own has it, which is called on a loop.
template <class R>
struct Handler {
  using allocator_type = std::pmr::polymorphic_allocator<std::byte>;
  using executor_type = asio::io_context::executor_type;

  [[nodiscard]] allocator_type get_allocator() const noexcept { return memory; }
  [[nodiscard]] executor_type get_executor() const noexcept { return context->get_executor(); }
  void operator()(std::exception_ptr error, R result) const {
    if (error) std::rethrow_exception(error);
    *to = result;
  }

  std::pmr::memory_resource* memory;
  asio::io_context* context;
  R* to;
};

template <std::size_t Alignment>
void lies_right_everywhere() {
  using Result = Aligned<Alignment>;
  ComputePool pool{{.threads = 2}};
  asio::io_context context;
  const Result captured;
  const auto f = [captured] { return captured; };
  const auto in_context = [&] { return asio::bind_executor(context, use_future); };

  std::vector<std::future<Result>> results;
  for (int i = 0; i < 3; ++i) {  // in new memory, and in what is there again
    results.push_back(pool.execute(f, in_context()));
    results.push_back(pool.execute({.label = "aligned"}, f, in_context()));
    results.push_back(pool.install(f, in_context()));
    results.push_back(millrace::compute_small(f, in_context()));
    results.push_back(millrace::compute_medium(pool, f, in_context()));
    results.push_back(millrace::spawn(pool, f).async_wait(in_context()));
    context.run();
    context.restart();
  }
  for (auto& result : results) REQUIRE(result.get().right);
  REQUIRE(pool.execute(f, use_future).get().right);
  REQUIRE(pool.execute_sync(f).right);

  auto both = pool.join(f, f, use_future).get();
  REQUIRE((std::get<0>(both).right && std::get<1>(both).right));

  Result got;
  pool.execute(f, Handler<Result>{std::pmr::new_delete_resource(), &context, &got});
  context.run();
  REQUIRE(got.right);

  for (const bool fifo : {false, true}) {
    std::atomic<int> right = 0;
    const auto body = [&](Scope& scope) {
      for (int i = 0; i < 20; ++i) {
        scope.spawn([own = Result(), &right]() mutable {
          own.check();
          right += own.right ? 1 : 0;
        });
      }
    };
    (fifo ? pool.execute_scoped_fifo(body, use_future) : pool.execute_scoped(body, use_future))
        .get();
    REQUIRE(right == 20);
  }

  auto mapped =
      parallel_map(pool, std::vector<int>(100), [captured](int) { return captured; }, use_future);
  for (const Result& one : mapped.get()) REQUIRE(one.right);
}

}  // namespace

TEST_CASE("[P53] a callable and a result may be aligned to anything") {
  lies_right_everywhere<64>();
  lies_right_everywhere<128>();
  lies_right_everywhere<4096>();
}

TEST_CASE("[P53] a callable may take its stop token in any way") {
  ComputePool pool{{.threads = 1}};
  millrace::SizeCheck<> check;
  asio::io_context context;
  // Whoever takes the token away takes a copy.
  const auto by_value = [](std::stop_token stop) { return stop.stop_possible(); };
  const auto by_rvalue = [](std::stop_token&& stop) {
    const std::stop_token own(std::move(stop));
    return own.stop_possible();
  };
  const auto by_reference = [](std::stop_token& stop) {
    return std::exchange(stop, {}).stop_possible();
  };
  const auto each_way = [&](const auto& f) {
    asio::cancellation_signal signal;
    auto got = pool.execute(
        f, asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, use_future)));
    context.run();
    context.restart();
    CHECK(got.get());
    CHECK_FALSE(pool.execute_sync(f));
    CHECK_FALSE(pool.install(f, use_future).get());
    CHECK_FALSE(std::get<1>(pool.join([] {}, f, use_future).get()));
    CHECK_FALSE(millrace::compute_large(check, pool, f, use_future).get());
    CHECK(millrace::spawn(pool, f).async_wait(use_future).get());
    CHECK_FALSE(pool.execute_scoped([&]<class Stop>(Scope&, Stop&& stop)
                                      requires std::invocable<decltype(f), Stop>
                                    { return f(std::forward<Stop>(stop)); },
                                    use_future)
                                        .get());
    const auto with_element = [&]<class Stop>(int, Stop&& stop)
      requires std::invocable<decltype(f), Stop>
    { return f(std::forward<Stop>(stop)) ? 1 : 0; };
    CHECK(parallel_map(pool, std::vector<int>(1), with_element, use_future).get().size() == 1);
  };
  each_way(by_value);
  each_way(by_rvalue);
  each_way(by_reference);
}
