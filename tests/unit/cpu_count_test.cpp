#include "millrace/detail/cpu_count.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "support/catch.hpp"
#include "support/fake_root.hpp"

namespace detail = millrace::detail;

using test::FakeRoot;

TEST_CASE("without control groups there is no quota") {
  FakeRoot root;
  CHECK(std::isinf(detail::quota_cpus(root.path())));
  CHECK(detail::usable_cpus(root.path()) == detail::affinity_cpus());
}

TEST_CASE("a cgroup v2 quota is read from the process's group") {
  FakeRoot root;
  root.file("proc/self/cgroup", "0::/app").file("sys/fs/cgroup/app/cpu.max", "150000 100000");
  CHECK(detail::quota_cpus(root.path()) == Approx(1.5));
}

TEST_CASE("a quota is rounded up, and never below one CPU") {
  FakeRoot root;
  root.file("proc/self/cgroup", "0::/").file("sys/fs/cgroup/cpu.max", "10000 100000");
  CHECK(detail::usable_cpus(root.path()) == 1);
  root.file("sys/fs/cgroup/cpu.max", "110000 100000");
  CHECK(detail::usable_cpus(root.path()) == std::min(2, detail::affinity_cpus()));
}

TEST_CASE("a quota above the affinity mask changes nothing") {
  FakeRoot root;
  root.file("proc/self/cgroup", "0::/").file("sys/fs/cgroup/cpu.max", "100000000 100000");
  CHECK(detail::usable_cpus(root.path()) == detail::affinity_cpus());
}

TEST_CASE("the smallest quota of a group and its parents counts") {
  FakeRoot root;
  root.file("proc/self/cgroup", "0::/a/b")
      .file("sys/fs/cgroup/a/b/cpu.max", "max 100000")
      .file("sys/fs/cgroup/a/cpu.max", "100000 100000")
      .file("sys/fs/cgroup/cpu.max", "400000 100000");
  CHECK(detail::quota_cpus(root.path()) == Approx(1.0));
}

TEST_CASE("a container that sees its group as the root of the mount is read") {
  FakeRoot root;
  root.file("proc/self/cgroup", "0::/not/visible/here")
      .file("sys/fs/cgroup/cpu.max", "200000 100000");
  CHECK(detail::quota_cpus(root.path()) == Approx(2.0));
}

TEST_CASE("a cgroup v1 quota is read, -1 meaning none") {
  FakeRoot root;
  root.file("proc/self/cgroup", "4:memory:/app\n3:cpu,cpuacct:/app\n1:name=systemd:/x")
      .file("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us", "50000")
      .file("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us", "100000");
  CHECK(detail::quota_cpus(root.path()) == Approx(0.5));
  root.file("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us", "-1");
  CHECK(std::isinf(detail::quota_cpus(root.path())));
}

TEST_CASE("what is no quota is none") {
  FakeRoot root;
  root.file("proc/self/cgroup", "0::/");
  for (const char* text :
       {"", "max 100000", "1000", "abc 100000", "100000 0", "-5 100000", "1e5 1"}) {
    root.file("sys/fs/cgroup/cpu.max", text);
    CAPTURE(text);
    CHECK(std::isinf(detail::quota_cpus(root.path())));
  }
}

TEST_CASE("the affinity mask of the calling thread is counted") {
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(detail::affinity_cpus() == 1);
  }).join();
}

TEST_CASE("the smaller of mask and quota counts, also where the mask is narrowed") {
  FakeRoot root;
  root.file("proc/self/cgroup", "0::/").file("sys/fs/cgroup/cpu.max", "170000 100000");
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(detail::usable_cpus(root.path()) == 1);
  }).join();
  root.file("sys/fs/cgroup/cpu.max", "30000 100000");
  CHECK(detail::usable_cpus(root.path()) == 1);
}

TEST_CASE("quotas of both versions bind where a system has both") {
  FakeRoot root;
  root.file("proc/self/cgroup", "1:cpu:/\n0::/")
      .file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000")
      .file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  CHECK(detail::quota_cpus(root.path()) == Approx(3.0));
  root.file("sys/fs/cgroup/cpu.max", "200000 100000");
  CHECK(detail::quota_cpus(root.path()) == Approx(2.0));
}
