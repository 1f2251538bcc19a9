#include <sys/resource.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <barrier>
#include <cstddef>
#include <fstream>
#include <latch>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"

using millrace::ComputeConfig;
using millrace::ComputePool;
namespace detail = millrace::detail;

namespace {

// A thread of this process, as the kernel shows it.
struct Task {
  std::string name;
  std::vector<int> cpus;
  int nice = 0;
};

Task task(pid_t thread) {
  const std::string folder = "/proc/self/task/" + std::to_string(thread) + '/';
  Task seen;
  std::ifstream comm(folder + "comm");
  std::getline(comm, seen.name);

  std::ifstream status(folder + "status");
  const std::string key = "Cpus_allowed_list:\t";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) seen.cpus = detail::parse_cpu_list(line.substr(key.size()));
  }

  // The name, in brackets, may hold anything; nice is the 17th field behind it.
  std::ifstream stat(folder + "stat");
  std::string line;
  std::getline(stat, line);
  line.erase(0, line.rfind(')') + 1);
  std::size_t at = 0;
  for (int field = 0; field < 17; ++field) at = line.find(' ', at) + 1;
  seen.nice = std::stoi(line.substr(at));
  return seen;
}

Task this_task() {
  return task(::gettid());
}

// The pool's workers, by a job on each of them at once.
struct Workers {
  std::vector<pid_t> threads;
  std::vector<Task> tasks;

  explicit Workers(ComputePool<>& pool)
      : threads(static_cast<std::size_t>(pool.num_threads())), tasks(threads.size()) {
    std::barrier meet(pool.num_threads());
    std::latch done(pool.num_threads());
    for (std::size_t i = 0; i < threads.size(); ++i) {
      asio::post(pool, [&, i] {
        meet.arrive_and_wait();
        threads[i] = ::gettid();
        tasks[i] = this_task();
        done.count_down();
      });
    }
    done.wait();
  }

  [[nodiscard]] std::multiset<std::string> names() const {
    std::multiset<std::string> all;
    for (const Task& one : tasks) all.insert(one.name);
    return all;
  }
};

// Does the system let this process raise priorities, and so give a nice value back?
bool privileged() {
  bool may = false;
  std::thread([&] {
    const int own = ::getpriority(PRIO_PROCESS, 0);
    may = ::setpriority(PRIO_PROCESS, 0, own - 1) == 0 && ::getpriority(PRIO_PROCESS, 0) < own;
  }).join();
  return may;
}

// A `nice` that can be added to a thread's own value, which is 19 where somebody was polite.
int some_nice(int own) {
  return own <= 0 ? 3 : -3;
}

template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the kernel shows each worker's name") {
  ComputePool pool{{.threads = 3, .thread_name = "grind"}};
  CHECK(Workers(pool).names() == std::multiset<std::string>{"grind-0", "grind-1", "grind-2"});
}

TEST_CASE("a thread has the name that the pool gives it which it works for now") {
  ComputePool one{{.threads = 2, .thread_name = "one"}};
  for (int round = 0; round < 10; ++round) {
    CHECK(Workers(one).names() == std::multiset<std::string>{"one-0", "one-1"});
    ComputePool other{{.threads = 2, .thread_name = "other"}};
    CHECK(Workers(other).names() == std::multiset<std::string>{"other-0", "other-1"});
  }
}

TEST_CASE("workers that nobody places run where the process may and as urgently") {
  const Task self = this_task();
  ComputePool pool{{.threads = 2}};
  for (const Task& one : Workers(pool).tasks) {
    CHECK(one.cpus == self.cpus);
    CHECK(one.nice == self.nice);
  }
}

TEST_CASE("pinned workers have one CPU each in turn") {
  const Task self = this_task();
  const std::size_t cpus = self.cpus.size();
  const auto twice = static_cast<int>(2 * cpus);
  ComputePool pool{{.threads = twice, .pin_threads = true}};
  std::multiset<int> used;
  for (const Task& one : Workers(pool).tasks) {
    REQUIRE(one.cpus.size() == 1);
    used.insert(one.cpus.front());
  }
  for (const int cpu : self.cpus) CHECK(used.count(cpu) == 2);
}

TEST_CASE("pinned pools that live at once take different CPUs first") {
  const Task self = this_task();
  ComputePool one{{.threads = 1, .pin_threads = true}};
  const int first = Workers(one).tasks.front().cpus.front();
  CHECK(first == self.cpus.front());
  {
    ComputePool two{{.threads = 1, .pin_threads = true}};
    const int second = Workers(two).tasks.front().cpus.front();
    CHECK(second == self.cpus[self.cpus.size() > 1 ? 1 : 0]);
  }
  ComputePool three{{.threads = 1, .pin_threads = true}};
  CHECK(Workers(three).tasks.front().cpus.front() == self.cpus[self.cpus.size() > 1 ? 1 : 0]);
}

TEST_CASE("workers of a pool with fewer CPUs share those") {
  const detail::cpu_mask first = detail::mask_of({this_task().cpus.front()});
  const detail::worker_places places({.cpus = first}, 2);
  for (int worker = -1; worker < 2; ++worker) {
    std::vector<int> seen;
    std::thread([&] {
      places.take(worker);
      seen = this_task().cpus;
    }).join();
    CHECK(seen == std::vector<int>{this_task().cpus.front()});
  }
}

TEST_CASE("a thread that a pinned worker has created isn't pinned in another pool") {
  const Task self = this_task();
  ComputePool pinned{{.threads = 1, .pin_threads = true}};
  ComputePool plain{{.threads = 3}};
  std::optional<Workers> workers;
  pinned.execute_sync([&] { workers.emplace(plain); });
  for (const Task& one : workers->tasks) CHECK(one.cpus == self.cpus);
}

TEST_CASE("placed pools that come and go leave the others' workers alone") {
  const Task self = this_task();
  ComputePool plain{{.threads = 2}};
  for (int round = 0; round < 50; ++round) {
    ComputePool pinned{{.threads = 2, .pin_threads = true}};
    for (const Task& one : Workers(pinned).tasks) REQUIRE(one.cpus.size() == 1);
    for (const Task& one : Workers(plain).tasks) REQUIRE(one.cpus == self.cpus);
  }
}

TEST_CASE("workers have the nice value that was asked for, others theirs") {
  if (!privileged()) return;  // then nice_program has the cases
  const Task self = this_task();
  {
    ComputePool pool{{.threads = 2, .nice = some_nice(self.nice)}};
    for (const Task& one : Workers(pool).tasks) CHECK(one.nice == self.nice + some_nice(self.nice));
    ComputePool plain{{.threads = 2}};
    for (const Task& one : Workers(plain).tasks) CHECK(one.nice == self.nice);
  }
  ComputePool urgent{{.threads = 1, .nice = -1}};
  CHECK(Workers(urgent).tasks.front().nice == self.nice - 1);
  CHECK(this_task().nice == self.nice);
}

TEST_CASE("a nice value counts from the maker's own, even if that is a nice worker") {
  if (!privileged()) return;
  const Task self = this_task();
  const int more = some_nice(self.nice) / 3 * 2;
  ComputePool nice{{.threads = 1, .nice = some_nice(self.nice)}};
  std::optional<ComputePool<>> made;
  nice.execute_sync([&] { made.emplace(ComputeConfig{.threads = 1, .nice = more}); });
  CHECK(Workers(*made).tasks.front().nice == self.nice + more);
}

TEST_CASE("a thread that a nice worker has created is its own in another pool") {
  if (!privileged()) return;
  const Task self = this_task();
  ComputePool nice{{.threads = 1, .nice = some_nice(self.nice)}};
  ComputePool plain{{.threads = 3}};
  std::optional<Workers> workers;
  nice.execute_sync([&] { workers.emplace(plain); });
  for (const Task& one : workers->tasks) CHECK(one.nice == self.nice);
}

TEST_CASE("a nice value that the sum can't have is refused [P43]") {
  const int own = this_task().nice;
  if (own == 0) return;
  const std::string what = refusal([&] { ComputePool({.nice = own > 0 ? 19 : -20}); });
  CHECK(what.starts_with("millrace::ComputePool: nice is "));
}

TEST_CASE("a node or core type that the machine hasn't is refused when the pool is made [P43]") {
  CHECK(refusal([] { ComputePool({.numa_node = -2}); }) ==
        "millrace::ComputeConfig: numa_node is -2, must be -1 (any) or a node's number");
  CHECK(refusal([] {
          ComputePool({.numa_node = 8000});
        }).starts_with("millrace::ComputeConfig: numa_node is 8000, must be -1 (any), "));
  CHECK(refusal([] {
          ComputePool({.core_type = static_cast<millrace::CoreType>(3)});
        }).starts_with("millrace::ComputeConfig: core_type is 3, must be "));
  if (detail::cpus_of_type("/", millrace::CoreType::performance).count() == 0) {
    CHECK(refusal([] { ComputePool({.core_type = millrace::CoreType::efficiency}); }) ==
          "millrace::ComputeConfig: core_type is efficiency, must be any, as all CPUs of this "
          "machine are of one type");
  }
  CHECK(refusal([] { ComputePool({.nice = 20}); }) ==
        "millrace::ComputeConfig: nice is 20, must be -20 to 19");
}

TEST_CASE("workers run on the CPUs of their NUMA node") {
  const std::vector<int> nodes = detail::nodes_with_cpus("/");
  for (const int node : nodes) {
    const auto choice =
        detail::choose_cpus("/", detail::mask_of(this_task().cpus), node, millrace::CoreType::any);
    if (!choice.wrong.empty()) continue;
    ComputePool pool{{.threads = 2, .numa_node = node}};
    for (const Task& one : Workers(pool).tasks) CHECK(detail::mask_of(one.cpus) == choice.cpus);
  }
  SUCCEED("no node is left out");
}

// Run under taskset, and in a control group that allows half a CPU.
TEST_CASE("where one CPU may be used a pool has one worker", "[.one_cpu]") {
  CHECK(ComputeConfig().threads == 1);
  ComputePool pool;
  CHECK(pool.num_threads() == 1);
  CHECK(Workers(pool).tasks.size() == 1);
}

TEST_CASE("in a mask of one CPU all pinned workers have that", "[.taskset]") {
  const Task self = this_task();
  REQUIRE(self.cpus.size() == 1);
  ComputePool pool{{.threads = 3, .pin_threads = true}};
  for (const Task& one : Workers(pool).tasks) CHECK(one.cpus == self.cpus);
}
