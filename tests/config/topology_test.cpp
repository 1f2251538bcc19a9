#include "millrace/detail/topology.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/fake_root.hpp"

namespace detail = millrace::detail;
using Cpus = std::vector<int>;
using millrace::CoreType;
using test::FakeRoot;

namespace {

const std::string node_folder = "sys/devices/system/node/";
const std::string cpu_folder = "sys/devices/system/cpu/";

// Two nodes of four CPUs, and one with memory only.
void two_nodes(FakeRoot& root) {
  root.file(node_folder + "has_cpu", "0-1")
      .file(node_folder + "node0/cpulist", "0-3")
      .file(node_folder + "node1/cpulist", "4-7")
      .file(node_folder + "node2/cpulist", "");
}

detail::cpu_choice choice(const FakeRoot& root, const Cpus& allowed, int node,
                          CoreType type = CoreType::any) {
  return detail::choose_cpus(root.path(), detail::mask_of(allowed), node, type);
}

}  // namespace

TEST_CASE("the kernel's lists are read up to what isn't one") {
  CHECK(detail::parse_cpu_list("0") == Cpus{0});
  CHECK(detail::parse_cpu_list("0-3,8,10-11") == Cpus{0, 1, 2, 3, 8, 10, 11});
  CHECK(detail::parse_cpu_list("").empty());
  CHECK(detail::parse_cpu_list("x").empty());
  CHECK(detail::parse_cpu_list("-1").empty());
  CHECK(detail::parse_cpu_list("1,") == Cpus{1});
  CHECK(detail::parse_cpu_list("1 2") == Cpus{1});
  CHECK(detail::parse_cpu_list("2-").empty());
  CHECK(detail::parse_cpu_list("3-1").empty());
  CHECK(detail::parse_cpu_list("8191") == Cpus{8191});
  CHECK(detail::parse_cpu_list("8192").empty());
  CHECK(detail::parse_cpu_list("99999999999").empty());
}

TEST_CASE("a mask holds what it was given") {
  detail::cpu_mask mask = detail::mask_of({0, 63, 64, 1024, 8191});
  CHECK(mask.count() == 5);
  CHECK((mask.has(0) && mask.has(64) && mask.has(1024) && mask.has(8191)));
  CHECK_FALSE((mask.has(1) || mask.has(-1) || mask.has(8192)));
  mask.add(-1);
  mask.add(8192);
  CHECK(mask.count() == 5);
  CHECK((mask & detail::mask_of({63, 65})) == detail::mask_of({63}));
  CHECK_FALSE(mask == detail::mask_of({0, 63, 64, 1024}));
}

TEST_CASE("without wishes the affinity mask is what a pool has") {
  const FakeRoot root;
  CHECK(choice(root, {2, 5}, -1).cpus == detail::mask_of({2, 5}));
  CHECK(choice(root, {2, 5}, -1).wrong.empty());
}

TEST_CASE("a NUMA node leaves its CPUs of the affinity mask") {
  FakeRoot root;
  two_nodes(root);
  CHECK(choice(root, {0, 1, 2, 3, 4, 5}, 0).cpus == detail::mask_of({0, 1, 2, 3}));
  CHECK(choice(root, {0, 1, 2, 3, 4, 5}, 1).cpus == detail::mask_of({4, 5}));
  CHECK(choice(root, {0, 5}, 1).wrong.empty());
}

TEST_CASE("a NUMA node without usable CPUs is refused with those that have some [P43]") {
  FakeRoot root;
  two_nodes(root);
  const std::string both = "-1 (any), 0, 1 (the nodes with CPUs of the affinity mask)";
  for (const int node : {2, 3}) {
    const auto none = choice(root, {0, 4}, node);
    CHECK(none.wrong == "numa_node");
    CHECK(none.right == both);
  }
  const auto outside = choice(root, {0, 1}, 1);
  CHECK(outside.wrong == "numa_node");
  CHECK(outside.right == "-1 (any), 0 (the nodes with CPUs of the affinity mask)");
}

TEST_CASE("where there are no NUMA nodes every one is refused [P43]") {
  const FakeRoot root;
  const auto none = choice(root, {0, 1}, 0);
  CHECK(none.wrong == "numa_node");
  CHECK(none.right == "-1 (any), as this system shows no NUMA nodes");
}

TEST_CASE("the core types of an Intel hybrid are told apart") {
  FakeRoot root;
  root.file("sys/devices/cpu_core/cpus", "0-3").file("sys/devices/cpu_atom/cpus", "4-5");
  const Cpus all{0, 1, 2, 3, 4, 5};
  CHECK(choice(root, all, -1, CoreType::performance).cpus == detail::mask_of({0, 1, 2, 3}));
  CHECK(choice(root, all, -1, CoreType::efficiency).cpus == detail::mask_of({4, 5}));
  CHECK(choice(root, all, -1, CoreType::any).cpus == detail::mask_of(all));
}

TEST_CASE("the core types of an Arm are told apart by capacity") {
  FakeRoot root;
  root.file(cpu_folder + "present", "0-3")
      .file(cpu_folder + "cpu0/cpu_capacity", "446")
      .file(cpu_folder + "cpu1/cpu_capacity", "446")
      .file(cpu_folder + "cpu2/cpu_capacity", "871")
      .file(cpu_folder + "cpu3/cpu_capacity", "1024");
  const Cpus all{0, 1, 2, 3};
  CHECK(choice(root, all, -1, CoreType::performance).cpus == detail::mask_of({2, 3}));
  CHECK(choice(root, all, -1, CoreType::efficiency).cpus == detail::mask_of({0, 1}));
}

TEST_CASE("where all cores are of one type asking for one is refused [P43]") {
  FakeRoot root;
  const std::string right = "any, as all CPUs of this machine are of one type";
  CHECK(choice(root, {0, 1}, -1, CoreType::performance).right == right);
  root.file("sys/devices/cpu_core/cpus", "0-1");
  CHECK(choice(root, {0, 1}, -1, CoreType::performance).right == right);
  root.file(cpu_folder + "present", "0-1")
      .file(cpu_folder + "cpu0/cpu_capacity", "1024")
      .file(cpu_folder + "cpu1/cpu_capacity", "1024");
  for (const CoreType type : {CoreType::performance, CoreType::efficiency}) {
    CHECK(choice(root, {0, 1}, -1, type).wrong == "core_type");
    CHECK(choice(root, {0, 1}, -1, type).right == right);
  }
}

TEST_CASE("a core type that the node or the mask has not is refused [P43]") {
  FakeRoot root;
  two_nodes(root);
  root.file("sys/devices/cpu_core/cpus", "0-5").file("sys/devices/cpu_atom/cpus", "6-7");
  const Cpus all{0, 1, 2, 3, 4, 5, 6, 7};
  CHECK(choice(root, all, 1, CoreType::efficiency).cpus == detail::mask_of({6, 7}));
  CHECK(choice(root, all, 1, CoreType::performance).cpus == detail::mask_of({4, 5}));
  const auto none = choice(root, all, 0, CoreType::efficiency);
  CHECK(none.wrong == "core_type");
  CHECK(none.right == "one that has CPUs in the affinity mask and the NUMA node");
}
