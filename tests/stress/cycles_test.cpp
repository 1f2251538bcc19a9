// Pools and contexts made, used and destroyed in any order, with jobs in every state.
#include <oneapi/tbb/global_control.h>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "stress/settings.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using millrace::ComputePool;
using test::resident_kib;
using test::threads_of_this_process;

namespace {

// What must be as many in the end as in the beginning.
struct Counts {
  std::uint64_t handlers = 0;  // alive; on this thread only
  std::uint64_t called = 0;    // handlers that were
  std::uint64_t called_twice = 0;
  std::atomic<std::uint64_t> bodies = 0;       // alive
  std::atomic<std::uint64_t> after_frame = 0;  // jobs that ran when their frame was gone
};

// Counts itself, and knows when it is called again.
class Handler {
 public:
  explicit Handler(Counts& counts) : counts_(&counts) { ++counts.handlers; }
  Handler(Handler&& other) noexcept
      : counts_(std::exchange(other.counts_, nullptr)), called_(other.called_) {}
  Handler& operator=(Handler&&) = delete;
  ~Handler() {
    if (counts_ != nullptr) --counts_->handlers;
  }

  void operator()(const std::exception_ptr&) {
    ++counts_->called;
    if (std::exchange(called_, true)) ++counts_->called_twice;
  }

 private:
  Counts* counts_;
  bool called_ = false;
};

class Body {
 public:
  Body(Counts& counts, std::uint32_t length) : counts_(&counts), length_(length) {
    ++counts.bodies;
  }
  Body(const Body& other) : counts_(other.counts_), length_(other.length_) { ++counts_->bodies; }
  Body& operator=(const Body&) = delete;
  ~Body() { --counts_->bodies; }

  void operator()(const std::stop_token& stop) const {
    for (std::uint32_t i = 0; i < length_ && !stop.stop_requested(); ++i) stress::pause(1);
  }

 private:
  Counts* counts_;
  std::uint32_t length_;
};

asio::awaitable<void> frame_with_references(ComputePool<>& pool, Counts& counts,
                                            std::uint32_t length) {
  struct Frame {
    std::atomic<bool> alive = true;
    ~Frame() { alive = false; }
  } frame;
  const auto job = [&](const std::stop_token& stop) {
    for (std::uint32_t i = 0; i < length && !stop.stop_requested(); ++i) {
      stress::pause(1);
      if (!frame.alive) ++counts.after_frame;
    }
  };
  co_await pool.execute(job);
}

void use(ComputePool<>& pool, asio::io_context& context,
         std::vector<std::unique_ptr<asio::cancellation_signal>>& signals, Counts& counts,
         stress::Random& random) {
  const auto strand = asio::make_strand(context);
  const std::uint32_t jobs = 1 + random.below(20);
  for (std::uint32_t i = 0; i < jobs; ++i) {
    const std::uint32_t length = random.below(4) == 0 ? random.below(3000) : random.below(100);
    const Body body(counts, length);
    const auto executor = context.get_executor();
    switch (random.below(6)) {
      case 0:
        pool.execute(body, asio::bind_executor(executor, Handler(counts)));
        break;
      case 1:
        pool.execute(body, asio::bind_executor(strand, Handler(counts)));
        break;
      case 2: {
        signals.push_back(std::make_unique<asio::cancellation_signal>());
        pool.execute(body,
                     asio::bind_cancellation_slot(signals.back()->slot(),
                                                  asio::bind_executor(executor, Handler(counts))));
        if (random.percent(50)) signals.back()->emit(asio::cancellation_type::terminal);
        break;
      }
      case 3: {
        const auto ahead = std::chrono::microseconds(random.below(100));
        pool.execute({.deadline = std::chrono::steady_clock::now() + ahead}, body,
                     asio::bind_executor(executor, Handler(counts)));
        break;
      }
      case 4: {
        signals.push_back(std::make_unique<asio::cancellation_signal>());
        asio::co_spawn(executor, frame_with_references(pool, counts, length),
                       asio::bind_cancellation_slot(signals.back()->slot(), Handler(counts)));
        context.poll();  // so that it has started before the pool can go
        context.restart();
        if (random.percent(30)) signals.back()->emit(asio::cancellation_type::terminal);
        break;
      }
      default:
        pool.execute_scoped(
            [body](millrace::Scope& scope) {
              scope.spawn([body] { body({}); });
              body({});
            },
            asio::bind_executor(strand, Handler(counts)));
    }
    if (random.percent(20)) {
      context.poll();
      context.restart();
    }
  }
}

void cycle(Counts& counts, stress::Random& random) {
  std::optional<ComputePool<>> pools[2];
  std::optional<asio::io_context> contexts[2];
  // What the handlers' slots belong to; outlives the contexts, which are reset below.
  std::vector<std::unique_ptr<asio::cancellation_signal>> signals;
  std::vector<int> things;
  const int pool_count = 1 + int(random.below(2));
  const int context_count = 1 + int(random.below(2));
  for (int i = 0; i < pool_count; ++i) {
    const auto overflow =
        random.percent(50) ? millrace::Overflow::wait : millrace::Overflow::reject;
    pools[i].emplace(millrace::ComputeConfig{.threads = 1 + int(random.below(2)),
                                             .max_pending = random.percent(50) ? 0u : 4u,
                                             .overflow = overflow});
    things.push_back(i);
  }
  for (int i = 0; i < context_count; ++i) {
    contexts[i].emplace();
    things.push_back(2 + i);
  }
  for (int i = 0; i < pool_count; ++i) {
    for (int j = 0; j < context_count; ++j) use(*pools[i], *contexts[j], signals, counts, random);
  }
  while (!things.empty()) {
    const std::uint32_t which = random.below(std::uint32_t(things.size()));
    const int thing = things[which];
    things.erase(things.begin() + which);
    if (thing < 2) {
      pools[thing].reset();
    } else {
      // Everything of it delivered, some of it, or nothing.
      const std::uint32_t how = random.below(3);
      if (how == 0) contexts[thing - 2]->run();
      if (how == 1) contexts[thing - 2]->poll();
      contexts[thing - 2].reset();
    }
  }
}

}  // namespace

TEST_CASE("1000 pools and contexts, destroyed in any order with jobs in any state [P26]") {
  const std::uint64_t cycles = stress::setting("MILLRACE_STRESS_JOBS", 100'000) / 100;
  stress::Random random(stress::seed());
  Counts counts;
  oneapi::tbb::task_scheduler_handle scheduler{oneapi::tbb::attach{}};
  std::thread([] {}).join();  // ThreadSanitizer starts one of its own with the first
  const std::ptrdiff_t threads_before = threads_of_this_process();
  // Allocators and oneTBB keep some memory for good; what each cycle costs must not add up.
  for (int i = 0; i < 300; ++i) cycle(counts, random);
  const long resident_before = resident_kib();
  for (std::uint64_t i = 0; i < cycles; ++i) cycle(counts, random);
  // A leak of one counter set of 80 KiB a cycle would be 80 MiB.
  CHECK(resident_kib() < resident_before + 8192);
  CHECK(counts.handlers == 0);
  CHECK(counts.called != 0);
  CHECK(counts.called_twice == 0);
  CHECK(counts.bodies == 0);
  CHECK(counts.after_frame == 0);
  CHECK(oneapi::tbb::finalize(scheduler, std::nothrow));
  CHECK(threads_of_this_process() == threads_before);
}
