#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <asio/associated_allocator.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/asio_compat.hpp"
#include "support/catch.hpp"

// What happens where memory runs out: one allocation after the other is made to fail, until an
// operation gets by without meeting the failure.
//
// Every allocation of the process passes here. glibc, and a sanitizer's runtime too, let a program
// put its own malloc before theirs; operator new is replaced as a sanitizer's isn't built on it.
// Not realloc, which nobody here uses but a sanitizer for a thread that begins.

#if defined(__SANITIZE_ADDRESS__)
#define MILLRACE_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MILLRACE_TEST_ASAN 1
#endif
#endif

#if defined(MILLRACE_TEST_ASAN)
#define MILLRACE_TEST_NEXT(name) __interceptor_##name
#else
#define MILLRACE_TEST_NEXT(name) __libc_##name
#endif
#define MILLRACE_TEST_PLAIN __attribute__((no_sanitize("address", "undefined")))

extern "C" {
void* MILLRACE_TEST_NEXT(malloc)(std::size_t);
void* MILLRACE_TEST_NEXT(calloc)(std::size_t, std::size_t);
void* MILLRACE_TEST_NEXT(memalign)(std::size_t, std::size_t);
}

namespace {

namespace fault {

enum class where { anywhere, this_thread, new_in_this_thread };

// No std::atomic, whose members would be instrumented: malloc is called before a sanitizer's
// runtime is there.
long left = 0;  // how many allocations there still are until the one that fails; 0: none will
bool anywhere = false;
bool new_only = false;  // not what is asked of malloc itself, by C and by oneTBB
constinit thread_local bool in_this_thread = false;

[[nodiscard]] MILLRACE_TEST_PLAIN bool hits() noexcept {
  long seen = __atomic_load_n(&left, __ATOMIC_RELAXED);
  if (seen == 0 || !(in_this_thread || __atomic_load_n(&anywhere, __ATOMIC_RELAXED))) return false;
  while (seen > 0) {
    if (__atomic_compare_exchange_n(&left, &seen, seen - 1, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED)) {
      if (seen == 1) errno = ENOMEM;
      return seen == 1;
    }
  }
  return false;
}

[[nodiscard]] MILLRACE_TEST_PLAIN bool hits_malloc() noexcept {
  return !__atomic_load_n(&new_only, __ATOMIC_RELAXED) && hits();
}

// From here on the `nth` allocation fails, and no other.
void arm(long nth, where place) noexcept {
  in_this_thread = true;
  __atomic_store_n(&anywhere, place == where::anywhere, __ATOMIC_RELAXED);
  __atomic_store_n(&new_only, place == where::new_in_this_thread, __ATOMIC_RELAXED);
  __atomic_store_n(&left, nth, __ATOMIC_SEQ_CST);
}

// True if one has failed.
bool disarm() noexcept {
  in_this_thread = false;
  return __atomic_exchange_n(&left, 0L, __ATOMIC_SEQ_CST) == 0;
}

}  // namespace fault

void* new_or_null(std::size_t size, std::size_t alignment) noexcept {
  return fault::hits() ? nullptr : MILLRACE_TEST_NEXT(memalign)(alignment, size == 0 ? 1 : size);
}
void* new_or_throw(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) {
  if (void* memory = new_or_null(size, alignment)) return memory;
  throw std::bad_alloc();
}

}  // namespace

extern "C" {

MILLRACE_TEST_PLAIN void* malloc(std::size_t size) {
  return fault::hits_malloc() ? nullptr : MILLRACE_TEST_NEXT(malloc)(size);
}
MILLRACE_TEST_PLAIN void* calloc(std::size_t items, std::size_t size) {
  return fault::hits_malloc() ? nullptr : MILLRACE_TEST_NEXT(calloc)(items, size);
}
MILLRACE_TEST_PLAIN void* memalign(std::size_t alignment, std::size_t size) {
  // oneTBB loses the task if it has no memory for the first that is ever spawned in a slot of an
  // arena: for 64 pointers, of which nothing here has as many bytes. Which of its slots a worker
  // or helper takes, and so whether the slot has had one, is up to chance on a busy machine.
  const bool is_task_pool = size == 64 * sizeof(void*);
  return !is_task_pool && fault::hits_malloc() ? nullptr
                                               : MILLRACE_TEST_NEXT(memalign)(alignment, size);
}
MILLRACE_TEST_PLAIN void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return memalign(alignment, size);
}
MILLRACE_TEST_PLAIN int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  void* const memory = memalign(alignment, size);
  if (memory == nullptr) return ENOMEM;
  *result = memory;
  return 0;
}

// oneTBB takes its tasks from libtbbmalloc if it finds it, past malloc: don't let it.
void* dlopen(const char* file, int flags) {
  if (file != nullptr && std::strstr(file, "tbbmalloc") != nullptr) return nullptr;
  using function = void* (*)(const char*, int);
  static const auto next = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "dlopen"));
  return next(file, flags);
}
}

// g++ takes these for one half of a pair each.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t size) {
  return new_or_throw(size);
}
void* operator new[](std::size_t size) {
  return new_or_throw(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return new_or_null(size, alignof(std::max_align_t));
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return new_or_null(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return new_or_throw(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

// The dynamic linker loses something where dlopen fails.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:_dl_map_object_deps\n";
}

using millrace::ComputeConfig;
using millrace::ComputePool;
using millrace::JobOptions;
using millrace::Overflow;
using millrace::Scope;
using std::chrono_literals::operator""h;
using fault::where;

namespace {

// Something that jobs and handlers own.
class Owned {
 public:
  Owned() { ++live; }
  Owned(const Owned&) noexcept { ++live; }
  ~Owned() { --live; }

  static inline std::atomic<int> live = 0;
};

// Counts what is allocated through it and not given back.
template <class T>
class LiveAllocator {
 public:
  using value_type = T;

  explicit LiveAllocator(std::atomic<int>& live) noexcept : live_(&live) {}
  template <class U>
  LiveAllocator(const LiveAllocator<U>& other) noexcept  // NOLINT: as allocators do
      : live_(other.live_) {}

  T* allocate(std::size_t n) {
    T* const memory = std::allocator<T>().allocate(n);
    ++*live_;
    return memory;
  }
  void deallocate(T* memory, std::size_t n) noexcept {
    --*live_;
    std::allocator<T>().deallocate(memory, n);
  }
  friend bool operator==(const LiveAllocator& a, const LiveAllocator& b) {
    return a.live_ == b.live_;
  }

 private:
  template <class U>
  friend class LiveAllocator;
  std::atomic<int>* live_;
};

// How often an operation ended in which way.
struct Ends {
  std::error_code usual;  // what the operation would complete with if nothing failed

  int thrown = 0;     // the initiating call threw
  int completed = 0;  // as if nothing had failed
  int failed = 0;     // with the injected failure
  std::string other = {};

  [[nodiscard]] int all() const { return thrown + completed + failed; }

  void threw(const std::exception_ptr& error) { tell(error, thrown); }
  void ended(const std::exception_ptr& error) { tell(error, failed); }

 private:
  void tell(const std::exception_ptr& error, int& if_injected) {
    if (!error) {
      ++completed;
      if (usual) other = "no error";
      return;
    }
    try {
      std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
      ++if_injected;
    } catch (const std::system_error& e) {
      // No memory for a thread: std::thread tells it so.
      const bool no_thread = e.code() == std::errc::resource_unavailable_try_again;
      ++(no_thread ? if_injected : completed);
      if (!no_thread && (!usual || e.code() != usual)) other = e.what();
    } catch (const std::exception& e) {
      ++completed;
      other = e.what();
    }
  }
};

// Keeps a worker busy until it is told to let it go.
class Blocker {
 public:
  ~Blocker() { release(); }
  void block(ComputePool<>& pool) {
    auto begun = std::make_shared<std::latch>(1);
    std::promise<void> released;
    auto until = std::make_shared<std::future<void>>(released.get_future());
    asio::post(pool, [begun, until] {
      begun->count_down();
      until->wait();
    });
    begun->wait();
    released_ = std::move(released);
  }
  void release() {
    if (auto released = std::exchange(released_, std::nullopt)) released->set_value();
  }

 private:
  std::optional<std::promise<void>> released_;
};

// One try: what an operation needs around it.
struct Try {
  asio::io_context& context;
  ComputePool<>& pool;
  Ends& ends;
  std::atomic<int>& live_memory;
  asio::cancellation_signal& signal;
  Blocker& worker;
  asio::strand<asio::io_context::executor_type> strand;  // made before: Asio 1.22 crashes

  // A handler with all associations but a slot.
  template <class Executor>
  [[nodiscard]] auto handler_on(const Executor& executor) const {
    return asio::bind_executor(executor, asio::bind_allocator(LiveAllocator<void>(live_memory),
                                                              [&to = ends, owned = Owned()](
                                                                  std::exception_ptr error,
                                                                  auto&&...) { to.ended(error); }));
  }
  [[nodiscard]] auto handler() const { return handler_on(context.get_executor()); }
  [[nodiscard]] auto cancellable() const {
    return asio::bind_cancellation_slot(signal.slot(), handler());
  }
};

auto job() {
  return [owned = Owned()] { return 1; };
}
auto stoppable_job() {
  return [owned = Owned()](std::stop_token) { return 1; };
}
JobOptions deadline_in(std::chrono::nanoseconds time) {
  return {.deadline = std::chrono::steady_clock::now() + time};
}

// What one try came to; looked at on the test's main thread.
struct Outcome {
  bool injected = false;
  Ends ends;
  int live_memory = 0;
  bool pool_works = false;
  millrace::MetricsSnapshot metrics;
};

// What the threads of a program allocate once, where nobody can be told that it failed: oneTBB for
// each worker as it begins, glibc for each thread's first thread-local with a destructor. Both end
// the program. So all workers there will be are made before, and kept.
class ThreadsMadeBefore {
 public:
  ThreadsMadeBefore() {
    std::latch all_there(workers);
    for (int i = 0; i < workers; ++i) {
      pool_.execute([&] { all_there.arrive_and_wait(); }, [](std::exception_ptr) {});
    }
    pool_.async_drain(asio::use_future).get();
    use_this_thread();
  }

  // On each thread that is to run out of memory.
  void use_this_thread() {
    asio::io_context context;
    pool_.async_drain(asio::bind_executor(context.get_executor(), [](std::exception_ptr) {}));
    context.run();
  }

 private:
  static constexpr int workers = 4;
  ComputePool<> pool_{{.threads = workers}};
};

#if defined(MILLRACE_TEST_ASAN)
// The sanitizer allocates for each thread that begins, and ends the program if it can't.
constexpr where where_a_thread_begins = where::this_thread;
#else
constexpr where where_a_thread_begins = where::anywhere;
#endif

// Until no other thread of the process runs: oneTBB's workers have gone to sleep then, and it wakes
// one of them. While they are still on their way, which takes them long where the machine is busy,
// it begins one more, for which it has no answer if memory fails: the process ends or hangs.
void wait_until_others_sleep() {
  const auto is_awake = [own = ::gettid()](const std::filesystem::path& task) {
    std::string status;
    std::getline(std::ifstream(task / "stat"), status);
    const auto name_end = status.rfind(')');  // "1234 (name) S ..."
    return task.filename() != std::to_string(own) && name_end != std::string::npos &&
           status.substr(name_end, 3) != ") S";
  };
  for (bool all_asleep = false; !all_asleep;) {
    std::this_thread::yield();
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    all_asleep = std::none_of(begin(tasks), end(tasks), is_awake);
  }
}

// What is tried again and again.
struct Scenario {
  using step = std::function<void(const Try&)>;

  step start;  // begins one operation; memory fails from here on
  step before = [](const Try&) {};
  step after = [](const Try&) {};  // then the context runs
  where place = where::anywhere;   // this_thread: memory fails in `start` only
  ComputeConfig config{.threads = 1, .idle_spin = {}};
  std::error_code usual{};
  bool takes_memory = true;
};

// A pool that sleeps, or is so new that its worker has still to be started: then memory fails on
// this thread only, as oneTBB crashes on a thread that it has none to get to know. On a new thread,
// for which oneTBB has put hardly any memory by, but which it knows. A context that is new to the
// library.
enum class worker_is { asleep, not_started };
Outcome try_once(ThreadsMadeBefore& threads, long nth, const Scenario& scenario, worker_is there) {
  Outcome outcome;
  outcome.ends.usual = scenario.usual;
  std::thread([&] {
    threads.use_this_thread();
    ComputePool pool(scenario.config);
    if (there == worker_is::asleep) pool.execute_sync([] {});
    const where place = there == worker_is::asleep ? scenario.place : where::this_thread;
    std::atomic<int> live_memory = 0;
    {
      Blocker worker;
      asio::io_context context;
      asio::cancellation_signal signal;
      const Try one{
          context, pool, outcome.ends, live_memory, signal, worker, asio::make_strand(context)};
      scenario.before(one);
      wait_until_others_sleep();
      fault::arm(nth, place);
      try {
        scenario.start(one);
      } catch (...) {
        outcome.ends.threw(std::current_exception());
      }
      if (place == where::this_thread) outcome.injected = fault::disarm();
      scenario.after(one);
      context.run();
      if (place == where::anywhere) outcome.injected = fault::disarm();
    }
    pool.async_drain(asio::use_future).get();
    // With a deadline, so that the timer looks at what else it still has.
    outcome.pool_works = pool.execute_sync(deadline_in(2h), [] { return 42; }) == 42;
    pool.async_drain(asio::use_future).get();
    outcome.metrics = pool.metrics();
    outcome.live_memory = live_memory;
  }).join();
  return outcome;
}

struct Summary {
  int tries = 0;
  int thrown = 0;
  int failed = 0;
  int unheard = 0;  // completed with the failure, and the pool never heard of it
  int starved = 0;  // completed with the failure, and counted as rejected

  // Failed before the job was submitted.
  [[nodiscard]] int early() const { return thrown + unheard; }
};

void check_balance(const millrace::MetricsSnapshot& metrics) {
  CHECK(metrics.pending == 0);
  CHECK(metrics.active == 0);
  CHECK(metrics.submitted == metrics.completed + metrics.failed + metrics.cancelled +
                                 metrics.expired + metrics.rejected);
}

// Tries with the first, the second, ... allocation failing until none does.
void fail_each(const Scenario& scenario, worker_is there, Summary& all) {
  ThreadsMadeBefore threads;
  int tries = 0;
  for (bool injected = true; injected; ++tries, ++all.tries) {
    REQUIRE(tries < 1000);
    const Outcome outcome = try_once(threads, tries + 1, scenario, there);
    injected = outcome.injected;
    CAPTURE(all.tries, outcome.ends.thrown, outcome.ends.completed, outcome.ends.failed);
    CHECK(outcome.ends.other == "");
    CHECK(outcome.ends.all() == 1);
    CHECK(outcome.live_memory == 0);
    CHECK(outcome.pool_works);
    CHECK(Owned::live == 0);
    check_balance(outcome.metrics);
    if (!injected) CHECK(outcome.ends.completed == 1);
    all.thrown += outcome.ends.thrown;
    all.failed += outcome.ends.failed;
    all.unheard +=
        outcome.ends.failed == 1 && outcome.metrics.rejected == 0 && outcome.metrics.failed == 0
            ? 1
            : 0;
    all.starved += outcome.ends.failed == 1 && outcome.metrics.rejected != 0 ? 1 : 0;
  }
  if (there == worker_is::not_started) return;  // a thread takes what the system has not put by
  CHECK((tries > 1) == scenario.takes_memory);
  if (!scenario.usual) CHECK(all.starved == 0);  // the call of a worker takes none
}

Summary fail_each(const Scenario& scenario) {
  Summary all;
  for (const worker_is there : {worker_is::asleep, worker_is::not_started}) {
    fail_each(scenario, there, all);
  }
  return all;
}

}  // namespace

TEST_CASE("memory runs out under execute with a callback: bad_alloc, and nothing is left [P44]") {
  const Summary all =
      fail_each(Scenario{.start = [](const Try& one) { one.pool.execute(job(), one.handler()); }});
  CHECK(all.early() >= 2);  // the operation, its context's inbox
}

TEST_CASE("memory runs out under a deferred operation: bad_alloc, and nothing is left [P44]") {
  const Summary all = fail_each(Scenario{
      .start = [](const Try& one) { one.pool.execute(job(), test::deferred)(one.handler()); }});
  CHECK(all.early() >= 2);
}

TEST_CASE("memory runs out under an operation with a slot: bad_alloc, and nothing is left [P44]") {
  const Summary all = fail_each(
      Scenario{.start = [](const Try& one) { one.pool.execute(job(), one.cancellable()); }});
  CHECK(all.early() >= 3);  // the canceller
}

TEST_CASE("memory runs out under a job with a stop token: bad_alloc, and nothing is left [P44]") {
  const Summary all = fail_each(Scenario{
      .start = [](const Try& one) { one.pool.execute(stoppable_job(), one.cancellable()); }});
  CHECK(all.early() >= 4);  // the stop state
}

TEST_CASE("memory runs out under a deadline: bad_alloc, and nothing is left [P44]") {
  const Summary all = fail_each(Scenario{.start =
                                             [](const Try& one) {
                                               one.pool.execute(deadline_in(1h), stoppable_job(),
                                                                one.cancellable());
                                             },
                                         .place = where_a_thread_begins});
  CHECK(all.early() >= 7);  // the timer, its thread, its heap
}

TEST_CASE("memory runs out under a bounded pool: bad_alloc, and nothing is left [P44]") {
  const Summary all = fail_each(
      Scenario{.start = [](const Try& one) { one.pool.execute(job(), one.cancellable()); },
               .config = {.threads = 1, .idle_spin = {}, .max_pending = 1}});
  CHECK(all.early() >= 3);
}

TEST_CASE(
    "memory runs out under an operation that is parked: bad_alloc, and nothing is left [P39]") {
  const Summary all = fail_each(
      Scenario{.start = [](const Try& one) { one.pool.execute(job(), one.cancellable()); },
               .before =
                   [](const Try& one) {
                     one.worker.block(one.pool);
                     one.pool.execute([] {}, [](std::exception_ptr) {});
                   },
               .after = [](const Try& one) { one.worker.release(); },
               .config = {.threads = 1, .idle_spin = {}, .max_pending = 1}});
  CHECK(all.early() >= 3);
}

TEST_CASE("memory runs out under an operation that a full pool rejects [P39]") {
  fail_each(Scenario{
      .start = [](const Try& one) { one.pool.execute(job(), one.handler()); },
      .before =
          [](const Try& one) {
            one.worker.block(one.pool);
            one.pool.execute([] {}, [](std::exception_ptr) {});
          },
      .after = [](const Try& one) { one.worker.release(); },
      .config = {.threads = 1, .idle_spin = {}, .max_pending = 1, .overflow = Overflow::reject},
      .usual = make_error_code(millrace::errc::queue_full)});
}

TEST_CASE("memory runs out while a queued operation is cancelled [P11]") {
  fail_each(Scenario{.start = [](const Try& one) { one.signal.emit(asio::cancellation_type::all); },
                     .before =
                         [](const Try& one) {
                           one.worker.block(one.pool);
                           one.pool.execute(job(), one.cancellable());
                         },
                     .usual = make_error_code(asio::error::operation_aborted)});
}

TEST_CASE("memory runs out while a queued operation expires [P17]") {
  fail_each(Scenario{
      .start =
          [](const Try& one) { one.pool.execute(deadline_in(0h), stoppable_job(), one.handler()); },
      .before = [](const Try& one) { one.worker.block(one.pool); },
      .place = where_a_thread_begins,
      .usual = make_error_code(millrace::errc::deadline_exceeded)});
}

TEST_CASE("memory runs out under a strand's operation: bad_alloc, and nothing is left [P5]") {
  const auto fail_on = [](auto executor_of) {
    return fail_each(Scenario{
        .start = [=](const Try& one) { one.pool.execute(job(), one.handler_on(executor_of(one))); },
        .place = where::this_thread});
  };
  const Summary typed = fail_on([](const Try& one) { return one.strand; });
  CHECK(typed.early() >= 2);  // the operation, its context's count
  const Summary erased = fail_on([](const Try& one) { return asio::any_io_executor(one.strand); });
  CHECK(erased.early() > typed.early());  // the way back, apart
}

TEST_CASE(
    "memory runs out on a job's way on to its strand: run() throws, and nothing is left [P5]") {
  int dropped = 0;
  for (bool injected = true; injected;) {
    std::thread([&] {  // with no memory that Asio keeps in threads
      ComputePool<> pool{{.threads = 1}};
      asio::io_context context;
      Ends ends;
      std::atomic<int> live_memory = 0;
      const auto on_strand = [&](auto handler) {
        return asio::bind_executor(asio::make_strand(context),
                                   asio::bind_allocator(LiveAllocator<void>(live_memory), handler));
      };
      int others = 0;
      pool.execute(job(), on_strand([&ends, owned = Owned()](std::exception_ptr error, int) {
                     ends.ended(error);
                   }));
      pool.execute([] {}, on_strand([&](std::exception_ptr) { ++others; }));
      pool.async_drain(asio::use_future).get();
      bool threw = false;
      fault::arm(dropped + 1, where::this_thread);
      try {
        context.run();
      } catch (const std::bad_alloc&) {
        threw = true;
      }
      injected = fault::disarm();
      context.run();  // the rest
      CHECK(threw == injected);
      CHECK(ends.completed + others == (threw ? 1 : 2));
      CHECK(live_memory == 0);
      CHECK(Owned::live == 0);
      CHECK(pool.execute_sync([] { return 42; }) == 42);
      dropped += injected ? 1 : 0;
    })
        .join();
  }
  CHECK(dropped >= 1);
}

TEST_CASE("memory runs out under join: bad_alloc, and nothing is left [P28]") {
  const Summary all = fail_each(Scenario{
      .start = [](const Try& one) { one.pool.join(job(), job(), job(), one.cancellable()); }});
  CHECK(all.early() >= 3);
  CHECK(all.failed > all.starved);  // oneTBB's tasks, on the worker
}

TEST_CASE("memory runs out under a scope: bad_alloc, and nothing is left [P30]") {
  // More than the 256 bytes that oneTBB keeps blocks of, so each child is an allocation.
  struct Large {
    Owned owned;
    char bytes[300] = {};
  };
  const auto body = [](Scope& scope) {
    for (int i = 0; i < 3; ++i) {
      scope.spawn([large = Large()](Scope& inner) { inner.spawn([large] { (void)large; }); });
    }
    scope.wait();
    return 1;
  };
  const Summary lifo = fail_each(
      Scenario{.start = [=](const Try& one) { one.pool.execute_scoped(body, one.cancellable()); }});
  CHECK(lifo.early() >= 3);
  CHECK(lifo.failed - lifo.starved >= 6);
  const Summary fifo = fail_each(Scenario{
      .start = [=](const Try& one) { one.pool.execute_scoped_fifo(body, one.cancellable()); }});
  CHECK(fifo.failed - fifo.starved >= 6);
}

TEST_CASE("memory runs out under install: bad_alloc, and nothing is left [P44]") {
  const Summary all = fail_each(
      Scenario{.start = [](const Try& one) { one.pool.install(job(), one.cancellable()); }});
  CHECK(all.early() >= 3);
}

TEST_CASE("memory runs out under execute_sync: it throws bad_alloc, and nothing is left [P44]") {
  const auto sync = [](const Try& one, auto&&... arguments) {
    const int result = one.pool.execute_sync(std::forward<decltype(arguments)>(arguments)...);
    one.ends.ended(result == 1 ? nullptr : std::make_exception_ptr(std::logic_error("result")));
  };
  fail_each(Scenario{.start = [=](const Try& one) { sync(one, job()); }, .takes_memory = false});
  const Summary dated = fail_each(
      Scenario{.start = [=](const Try& one) { sync(one, deadline_in(1h), stoppable_job()); },
               .place = where_a_thread_begins});
  CHECK(dated.early() >= 5);
}

TEST_CASE("memory runs out under async_drain: bad_alloc, and nothing is left [P44]") {
  const Summary idle =
      fail_each(Scenario{.start = [](const Try& one) { one.pool.async_drain(one.handler()); }});
  CHECK(idle.early() >= 2);
  const Summary busy =
      fail_each(Scenario{.start = [](const Try& one) { one.pool.async_drain(one.handler()); },
                         .before = [](const Try& one) { one.worker.block(one.pool); },
                         .after = [](const Try& one) { one.worker.release(); }});
  CHECK(busy.early() >= 2);
}

TEST_CASE("memory runs out in a coroutine: bad_alloc at execute or co_await [P44]") {
  ThreadsMadeBefore threads;
  int thrown = 0;
  for (bool injected = true; injected;) {
    REQUIRE(thrown < 1000);
    std::exception_ptr error;
    std::thread([&] {
      threads.use_this_thread();
      ComputePool pool{{.threads = 1, .idle_spin = {}}};
      pool.execute_sync([] {});  // its worker is there, and knows oneTBB
      asio::io_context context;
      asio::co_spawn(
          context,
          [&]() -> asio::awaitable<void> {
            auto f = job();
            wait_until_others_sleep();
            fault::arm(thrown + 1, where::anywhere);
            try {
              co_await pool.execute(std::move(f));
            } catch (...) {
              error = std::current_exception();
            }
            injected = fault::disarm();
          },
          [](std::exception_ptr) {});
      context.run();
    }).join();
    CHECK(static_cast<bool>(error) == injected);
    if (error) CHECK_THROWS_AS(std::rethrow_exception(error), std::bad_alloc);
    CHECK(Owned::live == 0);
    if (injected) ++thrown;
  }
  CHECK(thrown >= 2);  // the coroutine of the call, the operation
}

TEST_CASE("memory runs out while one of two pools is destroyed: it goes all the same [P26]") {
  std::optional<ComputePool<>> first(std::in_place, ComputeConfig{.threads = 1});
  ComputePool second{{.threads = 1}};
  for (long nth = 1;; ++nth) {
    fault::arm(nth, where::new_in_this_thread);
    first.reset();
    if (!fault::disarm()) break;
    first.emplace(ComputeConfig{.threads = 1});
    CHECK(first->execute_sync([] { return 42; }) == 42);
  }
  CHECK(second.execute_sync([] { return 42; }) == 42);
}

TEST_CASE(
    "memory runs out while a pool is made: it throws bad_alloc, and the next one works [P26]") {
  ThreadsMadeBefore threads;
  int thrown = 0;
  for (bool injected = true; injected;) {
    REQUIRE(thrown < 1000);
    std::exception_ptr error;
    std::optional<ComputePool<>> pool;
    ComputeConfig config{.threads = 2};
    fault::arm(thrown + 1, where::new_in_this_thread);
    try {
      pool.emplace(std::move(config));
    } catch (...) {
      error = std::current_exception();
    }
    injected = fault::disarm();
    if (error) {
      CHECK_THROWS_AS(std::rethrow_exception(error), std::bad_alloc);
      CHECK(injected);
      ++thrown;
    } else {
      CHECK_FALSE(injected);
    }
    ComputePool next{{.threads = 2}};
    CHECK(next.execute_sync([] { return 42; }) == 42);
  }
  CHECK(thrown >= 2);  // the coroutine of the call, the operation
}
