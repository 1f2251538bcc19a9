// Callables and results that can't come to where they have to be.
#include <asio/use_future.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "millrace/current_pool.hpp"
#include "millrace/handle.hpp"
#include "millrace/job_size.hpp"
#include "millrace/patterns.hpp"

namespace {

// A callable that can only be moved.
template <int>
struct Own {
  std::unique_ptr<int> number;
  int operator()() const { return *number; }
  int operator()(int) const { return *number; }
  int operator()(millrace::Scope&) const { return *number; }
};

template <int>
struct Immovable {
  Immovable() = default;
  Immovable(Immovable&&) = delete;
};

#ifdef MUST_NOT_COMPILE
template <class T>
T& given(T& value) {
  return value;
}
template <int N>
Immovable<N> make() {
  return {};
}
#else
template <class T>
T&& given(T& value) {
  return std::move(value);
}
template <int N>
std::unique_ptr<Immovable<N>> make() {
  return {};
}
#endif

}  // namespace

void each(millrace::ComputePool<>& pool, std::vector<int>& numbers);
void each(millrace::ComputePool<>& pool, std::vector<int>& numbers) {
  using asio::use_future;
  // clang-format off
  Own<1> a;
  pool.execute(given(a), use_future).wait();  // refused: can't be copied: give it away with std::move, or lend it with std::ref
  Own<2> b;
  pool.install(given(b), use_future).wait();  // refused: can't be copied
  Own<3> c;
  pool.join([] {}, given(c), use_future).wait();  // refused: can't be copied
  Own<4> d;
  pool.execute_scoped(given(d), use_future).wait();  // refused: can't be copied
  Own<5> e;
  pool.execute_sync(given(e));  // refused: can't be copied
  Own<6> f;
  millrace::spawn(pool, given(f)).detach();  // refused: can't be copied
  Own<7> g;
  millrace::execute(given(g), use_future).wait();  // refused: can't be copied
  Own<8> h;
  millrace::compute_small(given(h), use_future).wait();  // refused: can't be copied
  Own<9> i;
  millrace::compute_medium(pool, given(i), use_future).wait();  // refused: can't be copied
  Own<10> j;
  millrace::parallel_map(pool, numbers, given(j), use_future).wait();  // refused: can't be copied
  pool.execute([] { return make<11>(); }, use_future).wait();  // refused: returns what can't be moved to whoever awaits it
  pool.execute_sync([] { return make<12>(); });  // refused: return a std::unique_ptr to it
  // clang-format on

  // Whom nobody awaits may be what it likes.
  pool.execute_sync([] {});
  pool.execute_scoped([](millrace::Scope& scope) { scope.spawn([] { return Immovable<13>(); }); },
                      use_future)
      .wait();
  pool.execute(std::ref(a), use_future).wait();
}
