#include <asio/bind_allocator.hpp>
#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "support/asio_compat.hpp"
#include "support/catch.hpp"
#include "support/counting_allocator.hpp"

// All forms, because a sanitizer's runtime replaces each of them on its own.
namespace {

std::atomic<long> heap_allocations = 0;

void* counted(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) noexcept {
  ++heap_allocations;
  const std::size_t whole = (size + alignment) / alignment * alignment;
  return std::aligned_alloc(alignment, whole);
}
void* counted_or_throw(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) {
  if (void* memory = counted(size, alignment)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// g++ takes these for one half of a pair each.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t size) {
  return counted_or_throw(size);
}
void* operator new[](std::size_t size) {
  return counted_or_throw(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted_or_throw(size, static_cast<std::size_t>(alignment));
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

using millrace::ComputePool;

namespace {

// Keeps `in_flight` deferred jobs going until `left` is used up.
template <class Executor>
struct Source {
  ComputePool<>& pool;
  asio::io_context& context;
  Executor executor;
  long left;
  long completed = 0;

  void next() {
    if (left == 0) return;
    --left;
    pool.execute([] { return 1; }, test::deferred)(
        asio::bind_executor(executor, [this](std::exception_ptr, int value) {
          completed += value;
          next();
        }));
  }
  void run(int in_flight) {
    for (int i = 0; i < in_flight; ++i) next();
    context.restart();
    context.run();
  }
};

}  // namespace

TEST_CASE("after warm-up a job with deferred allocates nothing [P7]") {
  const auto check = [](auto executor_of) {
    ComputePool pool{{.threads = 1}};
    asio::io_context context;
    const auto executor = executor_of(context);
    for (const int in_flight : {1, 64, 1024}) {
      Source{pool, context, executor, 20'000}.run(in_flight);
      const long before = heap_allocations;
      Source source{pool, context, executor, 20'000};
      source.run(in_flight);
      const long made = heap_allocations - before;  // Catch2 allocates, too
      CAPTURE(in_flight);
      CHECK(source.completed == 20'000);
      CHECK(made == 0);
    }
  };
  check([](asio::io_context& context) { return context.get_executor(); });
  check([](asio::io_context& context) { return asio::make_strand(context); });
}

TEST_CASE("all memory of an operation is its handler's allocator's, back before the handler [P7]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  test::AllocationCounts counts;
  const auto start = [&](auto&& handler) {
    pool.execute(
        [] { return 1; },
        asio::bind_executor(context.get_executor(),
                            asio::bind_allocator(test::CountingAllocator<void>(counts),
                                                 std::forward<decltype(handler)>(handler))));
  };
  // What belongs to the pool and the context is there after the first job.
  start([](std::exception_ptr, int) {});
  context.run();
  context.restart();

  const int made_before = counts.made;
  const long heap_before = heap_allocations;
  int live_in_handler = -1;
  start([&](std::exception_ptr, int) { live_in_handler = counts.live; });
  const int live_after_start = counts.live;
  context.run();
  const long heap_made = heap_allocations - heap_before;
  CHECK(counts.made == made_before + 1);
  CHECK(live_after_start == 1);
  CHECK(live_in_handler == 0);
  // The counting allocator itself uses std::allocator, once; nobody else uses anything.
  CHECK(heap_made == 1);
}
