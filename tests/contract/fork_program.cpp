// P25 and forks: what needs a process of its own to die or to fork in. One argument, the scenario;
// exits with 0 if all is as promised. A hang is a failure, too: ctest's timeout sees it.

#include <sys/wait.h>
#include <unistd.h>

#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "millrace/handle.hpp"
#include "support/one_busy.hpp"
#include "support/outcome.hpp"

using millrace::ComputePool;
using test::OneBusy;

namespace {

int failures = 0;
bool is_child = false;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

// Runs `child` in a forked process. What it returns, or the status it exits with, must be 0.
void in_child(const std::function<int()>& child) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    is_child = true;
    ::_exit(child());
  }
  int status = 0;
  check(pid > 0 && ::waitpid(pid, &status, 0) == pid, "fork and wait");
  check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child exits with 0");
}

template <class F>
bool used_after_fork(const F& outcome) {
  return test::code_of(outcome) == millrace::errc::used_after_fork;
}

// --- Forks ---

// Every way to hand a pool something is refused in the child; the parent goes on.
void refuse() {
  ComputePool pool{{.threads = 2}};
  check(pool.execute_sync([] { return 1; }) == 1, "the pool works before the fork");
  in_child([&] {
    const auto job = [] {};
    const auto scoped = [](millrace::Scope&) {};
    const millrace::JobOptions options{.deadline = std::chrono::steady_clock::now() +
                                                   std::chrono::hours(1)};
    asio::io_context context;
    auto handler = asio::bind_executor(context, [](std::exception_ptr) {});
    check(used_after_fork([&] { pool.execute(job, handler); }), "execute throws");
    check(used_after_fork([&] { pool.execute(options, job, handler); }), "with options, too");
    check(used_after_fork([&] { pool.execute(job, asio::detached); }), "detached, too");
    check(used_after_fork([&] { pool.install(job, handler); }), "install throws");
    check(used_after_fork([&] {
            pool.join(job, job, asio::bind_executor(context, [](std::exception_ptr, auto) {}));
          }),
          "join throws");
    check(used_after_fork([&] { pool.execute_scoped(scoped, handler); }), "scoped throws");
    check(used_after_fork([&] { pool.execute_scoped_fifo(scoped, handler); }), "fifo throws");
    check(used_after_fork([&] { pool.execute_sync(job); }), "execute_sync throws");
    check(used_after_fork([&] { pool.async_drain(handler); }), "async_drain throws");
    check(used_after_fork([&] { asio::post(pool, job); }), "post throws");
    context.run();  // nothing is left behind that it would wait for
    check(pool.metrics().submitted == 1, "nothing was counted");
    return failures;
  });
  check(pool.execute_sync([] { return 2; }) == 2, "the pool works after the fork");
}

// The parent's jobs run, wait and are parked while the child destroys its copies of pool and loop.
void destroy() {
  auto context = std::make_unique<asio::io_context>();
  auto pool =
      std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1, .max_pending = 5});
  int ended = 0;
  const auto count = [&](std::exception_ptr error) {
    if (!error) ++ended;
  };
  {
    OneBusy busy(*pool);
    for (int i = 0; i < 10; ++i) {
      pool->execute(
          {.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1)}, [] {},
          asio::bind_executor(*context, count));
    }
    in_child([&] {
      pool.reset();
      context.reset();
      return failures;
    });
    in_child([&] {
      context.reset();
      pool.reset();
      return failures;
    });
  }
  context->run();
  check(ended == 10, "the parent's jobs all ended");
  pool.reset();
}

// Handles that go in the child cancel nothing: the jobs are the parent's, and end there.
void handles() {
  ComputePool pool{{.threads = 1}};
  std::latch running(1);
  std::latch go_on(1);
  auto runs = millrace::spawn(pool, [&](const std::stop_token& stop) {
    const std::stop_callback told(stop, [] { check(false, "the running job isn't told to stop"); });
    running.count_down();
    go_on.wait();
    return 1;
  });
  running.wait();
  const auto given_up = [](const int* value) {
    check(!is_child, "the job that waits isn't given up in the child");
    std::default_delete<const int>()(value);
  };
  auto waits = millrace::spawn(pool, [own = std::unique_ptr<const int, decltype(given_up)>(
                                          new int(2), given_up)] { return *own; });
  in_child([&] {
    runs.cancel();
    waits.cancel();
    check(!runs.ready() && !waits.ready(), "neither has ended");
    check(used_after_fork([&] { static_cast<void>(millrace::spawn(pool, [] {})); }),
          "spawn throws");
    runs = {};
    waits = {};
    return failures;
  });
  go_on.count_down();
  check(runs.async_wait(asio::use_future).get() == 1, "the job that ran has its result");
  check(waits.async_wait(asio::use_future).get() == 2, "and so has the one that waited");
}

ComputePool<>* pool_of_static_storage(millrace::ComputeConfig config = {.threads = 2}) {
  static ComputePool<> pool(std::move(config));
  return &pool;
}

asio::io_context& context_of_static_storage() {
  static asio::io_context context;
  return context;
}

// A child that leaves by exit(), with a pool of static storage that its parent uses.
void exit_in_child() {
  ComputePool<>& pool = *pool_of_static_storage();
  asio::io_context& context = context_of_static_storage();
  check(pool.execute_sync([] { return 1; }) == 1, "the pool works before the fork");
  {
    OneBusy busy(pool);
    OneBusy busy_too(pool);
    for (int i = 0; i < 10; ++i) {
      pool.execute([] {}, asio::bind_executor(context, [](std::exception_ptr) {}));
    }
    in_child([]() -> int { std::exit(failures); });
  }
  context.run();
  check(pool.execute_sync([] { return 2; }) == 2, "the pool works after the fork");
}

// The same for a pool with a timer's thread that waits, and one that was never used.
void exit_with_timer() {
  ComputePool<>& pool = *pool_of_static_storage();
  static ComputePool<> never_used{{.threads = 1}};
  pool.execute_sync({.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1)}, [] {});
  in_child([]() -> int { std::exit(failures); });
  check(never_used.execute_sync([] { return 2; }) == 2, "a pool made before the fork works");
}

// A second generation: the child of a child knows as well.
void grandchild() {
  ComputePool pool{{.threads = 1}};
  pool.execute_sync([] {});
  in_child([&] {
    in_child([&] {
      check(used_after_fork([&] { pool.execute_sync([] {}); }), "the grandchild is refused");
      return failures;
    });
    return failures;
  });
}

// A context that came into being before the fork, but had nothing to do with the pool, goes on
// working in the child.
void context_works_on() {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  pool.execute([] {}, asio::bind_executor(context, [](std::exception_ptr) {}));
  context.run();
  in_child([&] {
    context.notify_fork(asio::execution_context::fork_child);
    context.restart();
    bool ran = false;
    asio::post(context, [&] { ran = true; });
    context.run();
    check(ran, "a posted handler runs in the child");
    return failures;
  });
}

// A process that has forked before it made a pool has nothing to fear.
void pool_in_child() {
  in_child([] {
    ComputePool pool{{.threads = 2}};
    asio::io_context context;
    bool called = false;
    pool.execute([] {}, asio::bind_executor(context, [&](std::exception_ptr) { called = true; }));
    context.run();
    check(called, "a pool made in the child works");
    return failures;
  });
}

// Where the parent has made a pool oneTBB has threads, or thinks so: no pool can be made any more.
void second_pool_in_child() {
  auto first = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
  const auto make_another = [] { const ComputePool second{{.threads = 1}}; };
  make_another();
  in_child([&] {
    check(used_after_fork(make_another), "a second pool is refused, the first one there");
    first.reset();
    check(used_after_fork(make_another), "a second pool is refused, the first one gone");
    return failures;
  });
  make_another();
}

// A coroutine that awaits a pool's operation in the child sees the error where it awaits.
void co_await_in_child() {
  ComputePool<> pool({.threads = 1});
  pool.execute_sync([] {});
  in_child([&] {
    asio::io_context context;
    int refused = 0;
    const auto expect_refusal = [&](auto start) -> asio::awaitable<void> {
      try {
        co_await start();
      } catch (const std::system_error& error) {
        if (error.code() == millrace::errc::used_after_fork) ++refused;
      }
    };
    asio::co_spawn(context, expect_refusal([&] { return pool.execute([] {}); }), asio::detached);
    asio::co_spawn(context, expect_refusal([&] { return pool.async_drain(); }), asio::detached);
    context.run();
    check(refused == 2, "both are refused where they are awaited");
    return failures;
  });
}

// The same for an operation that was made before the fork and is awaited after it.
void awaited_in_child() {
  ComputePool<> pool({.threads = 1});
  asio::awaitable<void> made = pool.execute([] {});
  in_child([&] {
    asio::io_context context;
    bool refused = false;
    asio::co_spawn(context, std::move(made),
                   [&](std::exception_ptr error) { refused = used_after_fork(error); });
    context.run();
    check(refused, "it completes with used_after_fork");
    return failures;
  });
}

// A job forks, and the child leaves by exit(), with a pool of static storage.
void fork_in_job() {
  ComputePool<>& pool = *pool_of_static_storage();
  pool.execute_sync([] { in_child([]() -> int { std::exit(failures); }); });
}

// In a child that has destroyed its copy of the pool a context of its own comes and goes.
void pool_gone_in_child() {
  auto pool = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
  auto handle = millrace::spawn(*pool, [] { return 42; });
  while (!handle.ready()) std::this_thread::yield();
  in_child([&] {
    pool.reset();
    int result = 0;
    {
      asio::io_context context;
      handle.async_wait(
          asio::bind_executor(context, [&](std::exception_ptr, int value) { result = value; }));
      context.run();
    }
    check(result == 42, "the handle that was ready has its result");
    return failures;
  });
}

// --- Pools that static objects own: destroyed at exit, in whatever order ---

std::unique_ptr<ComputePool<>> owned_by_static;

void static_owner() {
  owned_by_static =
      std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 2, .pin_threads = true});
  check(owned_by_static->execute_sync([] { return 42; }) == 42, "it works");
  static asio::io_context context;
  owned_by_static->execute([] {}, asio::bind_executor(context, [](std::exception_ptr) {}));
}

// --- A pool that is destroyed on its own worker ---

// Ends the process with 0 if terminate is called, which the library is to announce before.
[[noreturn]] void terminated() {
  std::fputs("std::terminate was called\n", stderr);
  std::_Exit(0);
}

// Each of them waits for what should never come.
void destroyed_by_job() {
  auto* const pool =
      std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 2}).release();
  pool->execute([=] { delete pool; }, asio::detached);
  std::latch(1).wait();
}

void destroyed_by_handler() {
  auto* const pool =
      std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1}).release();
  pool->execute([] {}, [=](std::exception_ptr) { delete pool; });
  std::latch(1).wait();
}

void destroyed_by_posted() {
  auto* const pool =
      std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1}).release();
  asio::post(*pool, [=] { delete pool; });
  std::latch(1).wait();
}

void destroyed_by_child_of_scope() {
  auto* const pool =
      std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 2}).release();
  pool->execute_scoped([=](millrace::Scope& scope) { scope.spawn([=] { delete pool; }); },
                       asio::detached);
  std::latch(1).wait();
}

// What a function object throws ends the program, run at once or not.
void throws_in_dispatch() {
  ComputePool<> pool({.threads = 1});
  asio::post(pool, [&] {
    try {
      asio::dispatch(pool, [] { throw 1; });
    } catch (int) {
      std::fputs("it came out of dispatch\n", stderr);
    }
  });
  std::latch(1).wait();
}

// The context would wait for the very job that destroys it.
void context_destroyed_by_job() {
  ComputePool<> pool({.threads = 1});
  auto context = std::make_shared<asio::io_context>();
  std::latch last(1);
  pool.execute([context, &last] { last.wait(); },
               asio::bind_executor(*context, [](std::exception_ptr) {}));
  context.reset();
  last.count_down();
  std::latch(1).wait();
}

// The same for a handler that comes by way of a strand, which doesn't tell whose jobs it waits for.
void context_destroyed_by_strands_job() {
  ComputePool<> pool({.threads = 1});
  auto context = std::make_shared<asio::io_context>();
  auto strand = asio::make_strand(*context);
  std::latch last(1);
  pool.execute([context, &last] { last.wait(); },
               asio::bind_executor(std::move(strand), [](std::exception_ptr) {}));
  context.reset();
  last.count_down();
  std::latch(1).wait();
}

// Not its own worker: it waits for the job that runs there, and no more.
void destroyed_by_another_pool() {
  ComputePool other{{.threads = 1}};
  auto pool = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
  std::atomic<bool> ended = false;
  pool->execute([&] { ended = true; }, asio::use_future).get();
  other.execute_sync([&] { pool.reset(); });
  check(ended, "the job ended before its pool");
}

}  // namespace

// LeakSanitizer asks at exit: what the parent's threads hold nobody can give back in the child.
extern "C" int __lsan_is_turned_off();  // NOLINT: its name
extern "C" int __lsan_is_turned_off() {
  return is_child ? 1 : 0;
}  // NOLINT

int main(int argc, char** argv) {
  const std::string scenario = argc > 1 ? argv[1] : "";
  if (scenario.find("destroyed_by") != std::string::npos || scenario == "throws_in_dispatch") {
    std::set_terminate(terminated);
  }
  const std::pair<const char*, void (*)()> scenarios[] = {
      {"refuse", refuse},
      {"destroy", destroy},
      {"handles", handles},
      {"exit_in_child", exit_in_child},
      {"exit_with_timer", exit_with_timer},
      {"grandchild", grandchild},
      {"context_works_on", context_works_on},
      {"pool_in_child", pool_in_child},
      {"second_pool_in_child", second_pool_in_child},
      {"co_await_in_child", co_await_in_child},
      {"awaited_in_child", awaited_in_child},
      {"fork_in_job", fork_in_job},
      {"pool_gone_in_child", pool_gone_in_child},
      {"static_owner", static_owner},
      {"throws_in_dispatch", throws_in_dispatch},
      {"context_destroyed_by_job", context_destroyed_by_job},
      {"context_destroyed_by_strands_job", context_destroyed_by_strands_job},
      {"destroyed_by_job", destroyed_by_job},
      {"destroyed_by_handler", destroyed_by_handler},
      {"destroyed_by_posted", destroyed_by_posted},
      {"destroyed_by_child_of_scope", destroyed_by_child_of_scope},
      {"destroyed_by_another_pool", destroyed_by_another_pool},
  };
  for (const auto& [name, run] : scenarios) {
    if (scenario != name) continue;
    run();
    if (failures == 0) std::puts("all as promised");
    return failures == 0 ? 0 : 1;
  }
  std::fprintf(stderr, "no scenario '%s'\n", scenario.c_str());
  return 2;
}
