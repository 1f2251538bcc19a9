#include <dlfcn.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#include "support/contest.hpp"
#include "support/report.hpp"

// Every allocation of the process passes here: operator new is built on malloc, and glibc lets a
// program put its own malloc before the library's.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

std::atomic<std::uint64_t> allocations{0};

void count() noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}

void* calloc(std::size_t items, std::size_t size) {
  count();
  return __libc_calloc(items, size);
}

void* realloc(void* old, std::size_t size) {
  count();
  return __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  count();
  *result = __libc_memalign(alignment, size);
  return *result == nullptr ? ENOMEM : 0;
}

// oneTBB takes its tasks from libtbbmalloc if it finds it, past malloc: don't let it.
void* dlopen(const char* file, int flags) {
  if (file != nullptr && std::strstr(file, "tbbmalloc") != nullptr) return nullptr;
  using function = void* (*)(const char*, int);
  static const auto next = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "dlopen"));
  return next(file, flags);
}
}

namespace bench {

namespace {

// Ends after a number of jobs; counts the allocations from the end of the warm-up to there.
class for_jobs : public progress {
 public:
  for_jobs(std::uint64_t warm_up, std::uint64_t jobs) : from_(warm_up), to_(warm_up + jobs) {}

  [[nodiscard]] bool stopped() const noexcept { return done() >= to_; }
  [[nodiscard]] std::uint64_t counted() const noexcept { return at_end_ - at_begin_; }

  void finished(std::uint64_t result) noexcept {
    progress::finished(result);
    if (done() == from_) at_begin_ = allocations.load(std::memory_order_relaxed);
    if (done() == to_) at_end_ = allocations.load(std::memory_order_relaxed);
  }

 private:
  std::uint64_t from_;
  std::uint64_t to_;
  std::uint64_t at_begin_ = 0;
  std::uint64_t at_end_ = 0;
};

template <class Rival, style Style>
measurements run(int in_flight) {
  constexpr std::uint64_t jobs = 20'000;
  Rival rival(1);
  for_jobs all(jobs, jobs);
  run_stream<Style>(rival, in_flight, all);
  return {{"allocations", "per job", static_cast<double>(all.counted()) / jobs}};
}

// The counter counts at all: two allocations that the compiler can't leave out.
measurements self_test() {
  void* (*volatile by_malloc)(std::size_t) = &std::malloc;
  void* (*volatile by_new)(std::size_t) = &::operator new;
  const auto before = allocations.load();
  std::free(by_malloc(100));
  ::operator delete(by_new(100));
  const auto counted = allocations.load() - before;
  if (counted != 2) throw std::runtime_error("the allocation counter doesn't count");
  return {{"allocations", "per job", static_cast<double>(counted)}};
}

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
  bench::suite all;
  all.add({"allocations", "malloc and new", 0, 0, {}, [](auto) { return bench::self_test(); }});
  for (const int in_flight : {1, 64})
    bench::for_each_rival([&]<class Rival, bench::style Style>(const char* name) {
      all.add({"allocations", name, 1, in_flight, {}, [=](bench::nanoseconds) {
                 return bench::run<Rival, Style>(in_flight);
               }});
    });
  return bench::run_main(argc, argv, all);
}
