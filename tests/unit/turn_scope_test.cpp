#include "millrace/detail/turn_scope.hpp"

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>

#include "support/catch.hpp"

using millrace::detail::turn_scope;

namespace {
class Holder final : public turn_scope::holder {
 public:
  void end_of_turn(turn_scope& turn) noexcept override {
    leases.remove(turn);
    ++ends;
  }
  turn_scope::list leases;
  int ends = 0;
};
}  // namespace

TEST_CASE("a turn tells who holds jobs back that it ends, and nobody else") {
  Holder holder;
  CHECK(turn_scope::current() == nullptr);
  {
    const turn_scope idle;
    CHECK(turn_scope::current() == &idle);
  }
  {
    turn_scope outer;
    holder.leases.add(outer, holder);
    {
      const turn_scope inner;
      CHECK(turn_scope::current()->held_by() == nullptr);
    }
    CHECK(holder.ends == 0);
    CHECK(turn_scope::current()->held_by() == &holder);
  }
  CHECK(holder.ends == 1);
  CHECK(turn_scope::current() == nullptr);
}

TEST_CASE("a holder takes its leases back from turns on any thread, which end without it [P48]") {
  auto holder = std::make_unique<Holder>();
  std::latch held(1);
  std::latch taken_back(1);
  std::thread other([&] {
    turn_scope turn;
    holder->leases.add(turn, *holder);
    held.count_down();
    taken_back.wait();
    CHECK(turn.held_by() == nullptr);
  });
  held.wait();
  {
    turn_scope own;
    holder->leases.add(own, *holder);
    CHECK(holder->leases.revoke_all(*holder) == 2);
    CHECK(holder->leases.revoke_all(*holder) == 0);
    CHECK(own.held_by() == nullptr);
    CHECK(holder->ends == 0);
    holder.reset();
  }
  taken_back.count_down();
  other.join();
}

TEST_CASE("of a turn that ends and a holder that takes back, one ends the lease [P48]") {
  for (int round = 0; round < 5000; ++round) {
    struct Locked final : turn_scope::holder {
      void end_of_turn(turn_scope& turn) noexcept override {
        const std::lock_guard lock(mutex);
        leases.remove(turn);
        ++ends;
      }
      std::mutex mutex;
      turn_scope::list leases;
      std::atomic<unsigned> ends = 0;
    } holder;
    std::latch both(2);
    std::latch held(1);
    std::thread turns([&] {
      turn_scope turn;
      {
        const std::lock_guard lock(holder.mutex);
        holder.leases.add(turn, holder);
      }
      held.count_down();
      both.arrive_and_wait();
    });
    held.wait();
    both.arrive_and_wait();
    unsigned revoked = 0;
    {
      const std::lock_guard lock(holder.mutex);
      revoked = holder.leases.revoke_all(holder);
    }
    turns.join();
    REQUIRE(revoked + holder.ends == 1);
  }
}

TEST_CASE("a turn whose lease was taken back may go at once [P48]") {
  Holder holder;
  std::mutex lock;
  std::atomic<bool> stop = false;
  // The next turn lies where the last one did; ThreadSanitizer sees whether it waits long enough.
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) {
      turn_scope turn;
      {
        const std::lock_guard locked(lock);
        holder.leases.add(turn, holder);
      }
      while (turn.held_by() != nullptr) std::this_thread::yield();
    }
    stop = true;
  });
  unsigned revoked = 0;
  while (!stop) {
    {
      const std::lock_guard locked(lock);
      revoked += holder.leases.revoke_all(holder);
    }
    std::this_thread::yield();  // or the other one waits for the lock for long
  }
  other.join();
  CHECK(revoked == 100);
  CHECK(holder.ends == 0);
}
