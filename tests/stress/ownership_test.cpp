// P48: pools, contexts, handles, handlers, callables and results that own each other in random
// graphs, let go of in random order by several threads while jobs are in every state there is. All
// of it ends: nothing hangs, which ctest's timeout sees, nothing is left, and each handler is
// called at most once. AddressSanitizer sees what is used after its end.
//
// What the graphs keep to, as users have to:
// - A pool isn't destroyed on its own worker, nor a context by a job whose handler belongs to it,
//   nor by a handler of its own: each says so and ends the program, or waits for itself.
// - What lies in a context's queue doesn't own the context, as in Asio: neither would ever end.
// - The same for several: where a worker of one pool destroys another pool and a worker of that one
//   destroys the first, or its handlers' context, they wait for each other.
// So pools and contexts have ranks, and what may end on a worker of a pool or in a handler of a
// context owns what is lower than that only. A callable that is sure to end elsewhere, because it
// hands its captures on as its result, may own its own pool.
#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <limits>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "millrace/handle.hpp"
#include "stress/settings.hpp"
#include "support/asio_compat.hpp"
#include "support/catch.hpp"

using std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

using Pool = millrace::ComputePool<>;

// --- What is counted ---

class Alive {
 public:
  Alive() { ++count_; }
  Alive(const Alive&) noexcept { ++count_; }
  Alive& operator=(const Alive&) noexcept { return *this; }
  ~Alive() { --count_; }

  [[nodiscard]] static std::int64_t count() { return count_; }

 private:
  static inline std::atomic<std::int64_t> count_ = 0;
};

struct Counts {
  std::atomic<std::uint64_t> called = 0;
  std::atomic<std::uint64_t> dropped = 0;
  std::atomic<std::uint64_t> twice = 0;
} counts;

// --- What owns and is owned ---

struct PoolBox {
  PoolBox(int its_rank, millrace::ComputeConfig config) : rank(its_rank), pool(config) {}
  const int rank;
  Alive alive;
  Pool pool;
};

// A loop, which has one thread at a time, or a thread of its own: either way a signal may be
// emitted where handlers run.
struct ContextBox {
  ContextBox(int its_rank, bool is_loop) : rank(its_rank) {
    if (is_loop) {
      loop.emplace();
    } else {
      threads.emplace(1);
    }
  }
  [[nodiscard]] asio::any_io_executor executor() {
    if (loop) return loop->get_executor();
    return threads->get_executor();
  }

  const int rank;
  Alive alive;
  std::mutex taken;
  std::optional<asio::io_context> loop;
  std::optional<asio::thread_pool> threads;
};

// Something that may be owned by whatever may own everything below `limit`.
struct Owned {
  int limit;
  std::shared_ptr<void> what;
};
constexpr int no_limit = std::numeric_limits<int>::max();

class Bag {
 public:
  Bag() = default;
  Bag(Bag&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), owned_(std::move(other.owned_)) {}
  Bag& operator=(Bag&& other) noexcept {
    pool_ = std::exchange(other.pool_, nullptr);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~Bag() = default;

  void add(std::shared_ptr<void> what) { owned_.push_back(std::move(what)); }
  void add_pool(std::shared_ptr<PoolBox> box) {
    pool_ = &box->pool;
    add(std::move(box));
  }
  // One that this owns, or null.
  [[nodiscard]] Pool* pool() const { return pool_; }

 private:
  Alive alive_;
  Pool* pool_ = nullptr;
  std::vector<std::shared_ptr<void>> owned_;
};

struct Thrown {
  std::shared_ptr<Bag> bag;
};

struct Work {
  enum class ends { value, throws, hands_on };

  Bag captures;
  Bag result;
  ends how = ends::value;
  std::uint32_t length = 0;

  Bag operator()(const std::stop_token& stop) {
    for (std::uint32_t i = 0; i < length && !stop.stop_requested(); ++i) stress::pause(1);
    switch (how) {
      case ends::throws:
        throw Thrown{std::make_shared<Bag>(std::move(result))};
      case ends::hands_on:
        return std::move(captures);
      default:
        return std::move(result);
    }
  }
};

struct ScopedWork {
  Work work;
  Bag operator()(millrace::Scope& scope) {
    for (int i = 0; i < 3; ++i) scope.spawn([this] { stress::pause(work.length / 4); });
    return work(std::stop_token());
  }
};

class Handler {
 public:
  explicit Handler(Bag bag, std::shared_ptr<asio::cancellation_signal> signal = nullptr)
      : bag_(std::move(bag)), signal_(std::move(signal)) {}
  // Goes on with another job that many times, at `where`.
  Handler(Bag bag, std::shared_ptr<asio::cancellation_signal> signal, std::uint32_t goes_on,
          asio::any_io_executor where)
      : bag_(std::move(bag)),
        signal_(std::move(signal)),
        goes_on_(goes_on),
        where_(std::move(where)) {}
  Handler(Handler&& other) noexcept
      : bag_(std::move(other.bag_)),
        signal_(std::move(other.signal_)),
        goes_on_(other.goes_on_),
        where_(std::move(other.where_)),
        state_(std::exchange(other.state_, state::moved)) {}
  Handler& operator=(Handler&&) = delete;
  ~Handler() {
    if (state_ == state::waits) ++counts.dropped;
  }

  template <class... Results>
  void operator()(const std::exception_ptr& /*error*/, Results&&... /*results*/) {
    ++(state_ == state::waits ? counts.called : counts.twice);
    state_ = state::called;
    Pool* const pool = bag_.pool();
    if (goes_on_ == 0 || pool == nullptr) return;
    // Which may have ended, and the pool with it, before the call returns.
    auto bound =
        asio::bind_executor(where_, Handler(std::move(bag_), nullptr, goes_on_ - 1, where_));
    pool->execute(Work{}, std::move(bound));
  }

 private:
  enum class state { waits, called, moved };

  Bag bag_;
  std::shared_ptr<asio::cancellation_signal> signal_;
  std::uint32_t goes_on_ = 0;
  asio::any_io_executor where_;
  state state_ = state::waits;
};

// The handle of a job whose captures, and result, own what is below the limit.
struct HandleBox {
  millrace::ComputeHandle<Bag> handle;
  Alive alive;
};

struct Ring {
  millrace::ComputeHandle<Bag> next;
  Alive alive;
};

// --- Coroutines ---

asio::awaitable<void> in_context(Bag bag, std::uint32_t times, std::uint32_t length) {
  for (std::uint32_t i = 0; i < times; ++i) {
    // By its name: see the traps of g++ 12.
    Work work;
    work.length = length;
    try {
      const Bag result = co_await bag.pool()->execute(std::move(work));
    } catch (const std::exception&) {
    }
  }
}

asio::awaitable<void> awaits([[maybe_unused]] Bag bag, std::shared_ptr<HandleBox> box) {
  const Bag result = co_await box->handle.async_wait();
}

// On the executor of a pool, which is there as long as this runs.
asio::awaitable<void> in_pool(Bag bag, Pool* own, std::uint32_t how) {
  const auto executor = co_await asio::this_coro::executor;
  for (std::uint32_t i = 0; i < how; ++i) co_await asio::post(executor, asio::use_awaitable);
  Pool* const other = bag.pool();
  if (how % 2 == 0) {
    Work work;
    work.length = 10 * how;
    try {
      const Bag result = co_await (other != nullptr ? other : own)->execute(std::move(work));
    } catch (const std::exception&) {
    }
  }
  if (how % 4 == 0) {
    asio::steady_timer never(executor, 1h);
    co_await never.async_wait(asio::use_awaitable);
  }
}

// --- One thread, which owns some of what there is, uses it, and lets go of it ---

class Driver {
 public:
  Driver(std::uint64_t seed, std::vector<std::shared_ptr<PoolBox>> pools,
         std::vector<std::shared_ptr<ContextBox>> contexts)
      : random_(seed), pools_(std::move(pools)), contexts_(std::move(contexts)) {}

  void run() {
    for (std::uint32_t steps = 5 + random_.below(40); steps != 0; --steps) step();
    while (!pools_.empty() || !contexts_.empty() || !others_.empty()) {
      if (random_.percent(30)) {
        step();
      } else {
        let_go();
      }
    }
  }

 private:
  void step() {
    const std::uint32_t which = random_.below(22);
    if (which == 0) return let_go();
    if (!contexts_.empty() && which <= 4) return poll(*one_of(contexts_));
    if (!others_.empty() && which == 5) return use_handle();
    if (pools_.empty()) return;
    const std::shared_ptr<PoolBox> pool = one_of(pools_);
    if (!contexts_.empty() && which <= 16) {
      const std::shared_ptr<ContextBox> context = one_of(contexts_);
      return with_both(*pool, *context, which);
    }
    with_pool(*pool, which);
  }

  void with_both(PoolBox& box, ContextBox& context, std::uint32_t which) {
    const int both = std::min(box.rank, context.rank);
    switch (which) {
      case 6:
      case 7:
      case 8:
      case 9:
        return execute(box, context);
      case 10: {
        auto bound = asio::bind_executor(context.executor(), handler(context));
        switch (random_.below(3)) {
          case 0:
            return box.pool.install(options(), work(both), std::move(bound));
          case 1:
            return box.pool.join(options(), work(both), work(both), std::move(bound));
          default:
            return box.pool.execute_scoped(options(), ScopedWork{work(both)}, std::move(bound));
        }
      }
      case 11:
        return spawn(box, both);
      case 12:
        return box.pool.async_drain(asio::bind_executor(context.executor(), handler(context)));
      case 13:
        return asio::post(context.executor(), [bag = bag(context.rank)] {});
      case 14:
      case 15: {
        if (box.rank > context.rank) return execute(box, context);
        Bag frame = bag(context.rank);
        frame.add_pool(shared(box));
        Slot slot = a_slot();
        Handler handler(bag(context.rank), slot.signal);
        asio::co_spawn(context.executor(),
                       in_context(std::move(frame), 1 + random_.below(5), random_.below(200)),
                       asio::bind_cancellation_slot(slot.slot(), std::move(handler)));
        return emit(slot, context.executor());
      }
      default:
        // Never started; or perhaps, while this owns the pool.
        auto operation = box.pool.execute(work(both), test::deferred);
        if (random_.percent(50)) {
          return std::move(operation)(asio::bind_executor(context.executor(), handler(context)));
        }
        others_.push_back({both, std::make_shared<decltype(operation)>(std::move(operation))});
    }
  }

  void with_pool(PoolBox& box, std::uint32_t which) {
    switch (which) {
      case 17:
        return box.pool.execute(options(), work(box.rank), Handler(bag(box.rank)));
      case 18: {
        PoolBox& other = *one_of(pools_);
        return box.pool.execute(
            options(), work(std::min(box.rank, other.rank)),
            asio::bind_executor(
                other.pool.get_executor(),
                Handler(bag(other.rank), nullptr, random_.below(3), other.pool.get_executor())));
      }
      case 19: {
        const std::uint32_t how = random_.below(6);
        if (how < 3) return asio::post(box.pool, [bag = bag(box.rank)] {});
        Handler handler(bag(box.rank));
        return asio::co_spawn(box.pool.get_executor(),
                              in_pool(bag(box.rank), &box.pool, random_.below(9)),
                              std::move(handler));
      }
      case 20:
        return give_away(box);
      default:
        if (random_.percent(20)) return box.pool.shutdown();
        if (random_.percent(50)) return ring(box);
        // Counts while it is on its way, on a thread of Asio's own.
        auto future =
            box.pool.execute(options(), work(box.rank),
                             asio::use_future([alive = Alive()](const std::exception_ptr&,
                                                                Bag result) { return result; }));
        others_.push_back({box.rank, std::make_shared<decltype(future)>(std::move(future))});
    }
  }

  // With each kind of executor that has its own way back.
  void execute(PoolBox& box, ContextBox& context) {
    Work job = work(std::min(box.rank, context.rank));
    if (box.rank < context.rank && random_.percent(50)) {
      job.captures = bag(context.rank);
      job.captures.add_pool(shared(box));
      job.how = Work::ends::hands_on;
    }
    if (context.loop) {
      if (random_.percent(50)) {
        start(box.pool, std::move(job), context.loop->get_executor(), context.rank);
      } else {
        start(box.pool, std::move(job), asio::make_strand(*context.loop), context.rank);
      }
    } else {
      start(box.pool, std::move(job), context.executor(), context.rank);
    }
  }
  template <class Executor>
  void start(Pool& pool, Work job, const Executor& executor, int limit) {
    Slot slot = a_slot();
    auto handler = asio::bind_cancellation_slot(
        slot.slot(), asio::bind_executor(
                         executor, Handler(bag(limit), slot.signal, random_.below(3), executor)));
    if (random_.percent(50)) {
      pool.execute(std::move(job), std::move(handler));
    } else {
      pool.execute(options(), std::move(job), std::move(handler));
    }
    emit(slot, executor);
  }

  // To be kept, awaited at any context that is high enough, or left.
  void spawn(PoolBox& box, int limit) {
    auto kept = std::make_shared<HandleBox>(
        HandleBox{millrace::spawn(box.pool, options(), work(limit)), Alive()});
    if (random_.percent(20)) kept->handle.detach();
    handles_.push_back({limit, kept});
    others_.push_back({limit, std::move(kept)});
  }

  void use_handle() {
    if (handles_.empty()) return;
    const std::size_t at = random_.below(std::uint32_t(handles_.size()));
    const int limit = handles_[at].first;
    const std::shared_ptr<HandleBox> box = handles_[at].second.lock();
    if (box == nullptr) {
      handles_.erase(handles_.begin() + std::ptrdiff_t(at));
      return;
    }
    const std::uint32_t how = random_.below(10);
    if (how < 2) return box->handle.cancel();
    if (how == 2) return box->handle.async_wait(Handler(bag(limit)));
    for (const auto& context : contexts_) {
      if (context->rank < limit) continue;
      if (how == 3) {
        return asio::co_spawn(context->executor(), awaits(bag(context->rank), box),
                              Handler(bag(context->rank)));
      }
      Slot slot = a_slot();
      box->handle.async_wait(asio::bind_cancellation_slot(
          slot.slot(),
          asio::bind_executor(context->executor(), Handler(bag(context->rank), slot.signal))));
      return emit(slot, context->executor());
    }
  }

  // Jobs whose captures own the handle of the next.
  void ring(PoolBox& box) {
    std::vector<std::shared_ptr<Ring>> links;
    for (std::uint32_t n = 1 + random_.below(4); n != 0; --n) {
      links.push_back(std::make_shared<Ring>());
    }
    for (std::size_t i = 0; i < links.size(); ++i) {
      links[i]->next = millrace::spawn(
          box.pool, [link = links[(i + 1) % links.size()], bag = bag(box.rank)] { return Bag(); });
    }
  }

  // What this has of a pool goes with a job that it waits for, or that the pool refuses.
  void give_away(PoolBox& box) {
    Work job;
    job.how = Work::ends::hands_on;
    job.length = random_.below(100);
    job.captures = bag(no_limit);
    job.captures.add_pool(shared(box));
    std::erase_if(pools_, [&](const auto& each) { return each.get() == &box; });
    if (random_.percent(30)) {
      box.pool.shutdown();
      return box.pool.execute(std::move(job), Handler(bag(box.rank)));
    }
    try {
      const Bag result = box.pool.execute_sync(options(), std::move(job));
    } catch (const std::exception&) {
    }
  }

  void poll(ContextBox& context) {
    if (!context.loop) return;
    const std::unique_lock alone(context.taken, std::try_to_lock);
    if (!alone) return;
    context.loop->restart();
    switch (random_.below(4)) {
      case 0:
        context.loop->poll_one();
        break;
      case 1:
        context.loop->run_one_for(50us);
        break;
      case 2:
        context.loop->run_for(100us);
        break;
      default:
        context.loop->poll();
    }
  }

  void let_go() {
    switch (random_.below(3)) {
      case 0:
        return let_go_of_one(pools_);
      case 1:
        return let_go_of_one(contexts_);
      default:
        return let_go_of_one(others_);
    }
  }
  template <class T>
  void let_go_of_one(std::vector<T>& all) {
    if (all.empty()) return;
    const std::size_t at = random_.below(std::uint32_t(all.size()));
    std::swap(all[at], all.back());
    const T last = std::move(all.back());
    all.pop_back();
  }

  // --- What jobs and handlers own ---

  Bag bag(int limit) {
    Bag made;
    for (const auto& each : pools_) {
      if (each->rank < limit && random_.percent(30)) made.add_pool(each);
    }
    for (const auto& each : contexts_) {
      if (each->rank < limit && random_.percent(30)) made.add(each);
    }
    for (std::size_t i = 0; i < others_.size(); ++i) {
      if (others_[i].limit > limit || !random_.percent(20)) continue;
      made.add(std::move(others_[i].what));
      others_.erase(others_.begin() + std::ptrdiff_t(i));
    }
    return made;
  }

  Work work(int limit) {
    return Work{.captures = bag(limit),
                .result = bag(limit),
                .how = random_.percent(25) ? Work::ends::throws : Work::ends::value,
                .length = random_.percent(10) ? random_.below(5000) : random_.below(200)};
  }

  millrace::JobOptions options() {
    millrace::JobOptions made{.priority = static_cast<millrace::Priority>(random_.below(3))};
    switch (random_.below(5)) {
      case 0:
        made.deadline = steady_clock::now() - 1ms;
        break;
      case 1:
        made.deadline = steady_clock::now() + std::chrono::microseconds(random_.below(100));
        break;
      case 2:
        made.deadline = steady_clock::now() + 1h;
        break;
      default:
        break;
    }
    return made;
  }

  Handler handler(ContextBox& context) {
    return Handler(bag(context.rank), nullptr, random_.below(3), context.executor());
  }

  struct Slot {
    std::shared_ptr<asio::cancellation_signal> signal;
    [[nodiscard]] asio::cancellation_slot slot() const {
      return signal ? signal->slot() : asio::cancellation_slot();
    }
  };
  Slot a_slot() {
    if (random_.percent(50)) return {};
    return {std::make_shared<asio::cancellation_signal>()};
  }
  // Where the handler's signal may be touched.
  template <class Executor>
  void emit(const Slot& slot, const Executor& executor) {
    if (!slot.signal || random_.percent(30)) return;
    const auto type =
        random_.percent(50) ? asio::cancellation_type::terminal : asio::cancellation_type::total;
    asio::post(executor, [signal = slot.signal, type] { signal->emit(type); });
  }

  template <class T>
  [[nodiscard]] std::shared_ptr<T> one_of(const std::vector<std::shared_ptr<T>>& all) {
    return all[random_.below(std::uint32_t(all.size()))];
  }
  [[nodiscard]] std::shared_ptr<PoolBox> shared(const PoolBox& box) const {
    return *std::find_if(pools_.begin(), pools_.end(),
                         [&](const auto& each) { return each.get() == &box; });
  }

  stress::Random random_;
  std::vector<std::shared_ptr<PoolBox>> pools_;
  std::vector<std::shared_ptr<ContextBox>> contexts_;
  std::vector<Owned> others_;
  std::vector<std::pair<int, std::weak_ptr<HandleBox>>> handles_;
};

void round(std::uint64_t seed, std::vector<millrace::MetricsReader>& readers) {
  stress::Random random(seed);
  std::vector<int> ranks(2 + random.below(5));
  std::iota(ranks.begin(), ranks.end(), 1);
  for (std::size_t i = ranks.size(); i > 1; --i) {
    std::swap(ranks[i - 1], ranks[random.below(std::uint32_t(i))]);
  }
  std::vector<std::shared_ptr<PoolBox>> pools;
  std::vector<std::shared_ptr<ContextBox>> contexts;
  for (const int rank : ranks) {
    if (pools.empty() || (!contexts.empty() && random.percent(50))) {
      const auto overflow =
          random.percent(50) ? millrace::Overflow::wait : millrace::Overflow::reject;
      const std::chrono::nanoseconds spin = random.percent(50) ? 0ns : 20us;
      pools.push_back(std::make_shared<PoolBox>(
          rank, millrace::ComputeConfig{.threads = 1 + int(random.below(2)),
                                        .idle_spin = spin,
                                        .max_pending = random.percent(50) ? 0u : 3u,
                                        .overflow = overflow}));
      readers.push_back(pools.back()->pool.instrumentation().reader());
    } else {
      contexts.push_back(std::make_shared<ContextBox>(rank, random.percent(60)));
    }
  }
  std::vector<Driver> drivers;
  for (std::uint64_t i = 0; i < 3; ++i) drivers.emplace_back(random() + i, pools, contexts);
  pools.clear();
  contexts.clear();
  std::vector<std::thread> threads;
  threads.reserve(drivers.size());
  for (Driver& each : drivers) {
    threads.emplace_back([&each] { each.run(); });
  }
  for (std::thread& each : threads) each.join();
}

}  // namespace

TEST_CASE("whatever owns whatever, all of it ends [P48]") {
  const std::uint64_t rounds = stress::setting("MILLRACE_STRESS_JOBS", 100'000) / 200;
  const std::uint64_t first = stress::setting("MILLRACE_STRESS_ROUND", 0);
  std::printf("stress: ownership: seed %" PRIu64 ", rounds from %" PRIu64 "\n", stress::seed(),
              first);
  std::fflush(stdout);
  for (std::uint64_t n = first; n < first + rounds; ++n) {
    INFO("round " << n);
    std::vector<millrace::MetricsReader> readers;
    round(stress::seed() + n * 0x9e3779b97f4a7c15u, readers);
    // What still runs, or is on its way to a thread, lets go of the rest.
    const auto given_up = steady_clock::now() + 1min;
    while (Alive::count() != 0 && steady_clock::now() < given_up) std::this_thread::yield();
    REQUIRE(Alive::count() == 0);
    for (const auto& each : readers) {
      const millrace::MetricsSnapshot metrics = each.snapshot();
      CHECK(metrics.pending == 0);
      CHECK(metrics.active == 0);
      CHECK(metrics.started == metrics.completed + metrics.failed);
      CHECK(metrics.submitted ==
            metrics.started + metrics.cancelled + metrics.expired + metrics.rejected);
    }
  }
  CHECK(counts.twice == 0);
  CHECK(counts.called != 0);
  CHECK(counts.dropped != 0);
  std::printf("stress: ownership: %" PRIu64 " handlers called, %" PRIu64 " dropped\n",
              counts.called.load(), counts.dropped.load());
}
