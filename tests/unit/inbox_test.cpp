#include "millrace/detail/inbox.hpp"

#include <atomic>
#include <chrono>
#include <deque>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/test_jobs.hpp"

using millrace::detail::inbox;
using step = millrace::detail::job::step;

namespace {

// An inbox whose context is the test: counts the turns that were asked for, and the work.
class TestInbox final : public inbox {
 public:
  int calls = 0;
  std::atomic<int> work = 0;
  std::atomic<int> told = 0;

 private:
  void call() override { ++calls; }
  void work_started() noexcept override {
    ++work;
    ++told;
  }
  void work_finished() noexcept override {
    --work;
    ++told;
  }
};

}  // namespace

TEST_CASE("one turn is asked for, however many jobs are published") {
  TestInbox box;
  std::vector<int> order;
  std::deque<test::Job> jobs;
  for (int i = 0; i < 5; ++i) {
    box.publish(jobs.emplace_back(i, [&order, i](step) { order.push_back(i); }));
  }
  CHECK(box.calls == 1);
  box.turn();
  CHECK(order == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("while a handler runs and others are left, another turn is on its way") {
  TestInbox box;
  int calls_in_first = 0;
  int calls_in_last = 0;
  test::Job first(0, [&](step) { calls_in_first = box.calls; });
  test::Job last(1, [&](step) { calls_in_last = box.calls; });
  box.publish(first);
  box.publish(last);
  box.turn();
  CHECK(calls_in_first == 2);
  CHECK(calls_in_last == 2);
}

TEST_CASE("a turn is bounded, and the rest gets the next one") {
  TestInbox box;
  int completed = 0;
  std::deque<test::Job> jobs;
  for (int i = 0; i < inbox::most_per_turn + 10; ++i) {
    box.publish(jobs.emplace_back(i, [&](step) { ++completed; }));
  }
  box.turn();
  CHECK(completed == inbox::most_per_turn);
  CHECK(box.calls == 2);
  box.turn();
  CHECK(completed == inbox::most_per_turn + 10);
  // Nothing is left over that would keep the next job from being noticed.
  box.publish(jobs.emplace_back(0, [&](step) { ++completed; }));
  CHECK(box.calls == 3);
}

TEST_CASE("a handler that throws ends the turn; the rest is delivered by the next [P27]") {
  TestInbox box;
  std::vector<int> order;
  std::deque<test::Job> jobs;
  for (int i = 0; i < 4; ++i) {
    box.publish(jobs.emplace_back(i, [&order, i](step) {
      order.push_back(i);
      if (i == 1) throw std::runtime_error("handler");
    }));
  }
  CHECK_THROWS_AS(box.turn(), std::runtime_error);
  CHECK(order == std::vector{0, 1});
  CHECK(box.calls == 2);
  box.turn();
  CHECK(order == std::vector{0, 1, 2, 3});
}

TEST_CASE("closing drops what is there and waits for what is still out") {
  for (int round = 0; round < 200; ++round) {
    TestInbox box;
    std::atomic<int> dropped = 0;
    const auto act = [&](step which) {
      if (which == step::drop) ++dropped;
      box.received();
    };
    test::Job there(0, act);
    test::Job out(1, act);
    box.expect({});
    box.expect({});
    box.publish(there);
    std::thread worker([&] {
      std::this_thread::yield();
      box.publish(out);
    });
    box.close();
    CHECK(dropped == 2);
    worker.join();
  }
}

TEST_CASE("a turn asks for the next one while jobs are out and its time isn't over") {
  TestInbox box;
  int completed = 0;
  const auto act = [&](step) {
    ++completed;
    box.received();
  };
  test::Job first(0, act);
  test::Job second(1, act);
  box.expect(std::chrono::hours(1));
  box.expect(std::chrono::hours(1));
  box.publish(first);
  CHECK(box.calls == 1);
  box.turn();
  CHECK(box.calls == 2);  // the second is still out
  box.turn();
  CHECK(box.calls == 3);
  box.publish(second);
  CHECK(box.calls == 3);  // a turn is on its way
  box.turn();
  CHECK(completed == 2);
  CHECK(box.calls == 3);  // nothing is out
}

TEST_CASE("without look-out a turn that finds nothing more asks for none") {
  TestInbox box;
  test::Job first(0, [&](step) { box.received(); });
  test::Job second(1, [&](step) { box.received(); });
  box.expect({});
  box.expect({});
  box.publish(first);
  box.turn();
  CHECK(box.calls == 1);
  box.publish(second);
  CHECK(box.calls == 2);
  box.turn();
}

TEST_CASE("the context has work while anything is expected, told once [P6]") {
  TestInbox box;
  CHECK(box.work == 0);
  box.expect({});
  box.expect({});
  CHECK(box.work == 1);
  box.received();
  CHECK(box.work == 1);
  box.received();
  CHECK(box.work == 0);
}

TEST_CASE("threads that expect and receive never see the context without work meanwhile [P6]") {
  TestInbox box;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20'000; ++round) {
        box.expect({});
        if (box.work != 1) ++wrong;
        box.received();
      }
    });
  }
  for (auto& each : threads) each.join();
  CHECK(wrong == 0);
  CHECK(box.work == 0);
}

TEST_CASE("what a turn starts takes over a share of what it is done with [P6]") {
  TestInbox box;
  int told_in_turn = 0;
  test::Job next(1, [&](step) { box.received(); });
  test::Job first(0, [&](step) {
    box.received();
    box.expect({});
    told_in_turn = box.told;
    box.publish(next);
  });
  box.expect({});
  box.publish(first);
  box.turn();
  CHECK(told_in_turn == 1);
  CHECK(box.told == 2);
  CHECK(box.work == 0);
}

TEST_CASE("a turn gives the shares that it has kept back at its end [P6]") {
  TestInbox box;
  int work_in_turn = 0;
  const bool throws = GENERATE(false, true);
  test::Job first(0, [&](step) { box.received(); });
  test::Job second(1, [&](step) {
    box.received();
    work_in_turn = box.work;
    if (throws) throw std::runtime_error("handler");
  });
  for (test::Job* const each : {&first, &second}) {
    box.expect({});
    box.publish(*each);
  }
  if (throws) {
    CHECK_THROWS_AS(box.turn(), std::runtime_error);
  } else {
    box.turn();
  }
  CHECK(work_in_turn == 1);
  CHECK(box.work == 0);
}

TEST_CASE("a turn keeps no shares of another inbox [P6]") {
  TestInbox box;
  TestInbox other;
  std::vector<int> work_of_other;
  test::Job first(0, [&](step) {
    box.received();
    other.expect({});
    work_of_other.push_back(other.work);
    other.received();
    work_of_other.push_back(other.work);
  });
  box.expect({});
  box.publish(first);
  box.turn();
  CHECK(work_of_other == std::vector{1, 0});
}
