#include "millrace/config_toml.hpp"

#include <chrono>
#include <stdexcept>
#include <string>

#include "support/catch.hpp"
#include "support/fake_root.hpp"

using millrace::ComputeConfig;
using namespace std::chrono_literals;

namespace {

// What a file with this text gives, or is refused with, its path left out.
struct File {
  test::FakeRoot folder;
  std::string path = folder.path() + "pool.toml";

  explicit File(const std::string& text) { folder.file("pool.toml", text); }

  [[nodiscard]] std::string refusal() const {
    try {
      static_cast<void>(millrace::config_from_toml(path));
    } catch (const std::invalid_argument& error) {
      std::string what = error.what();
      const std::size_t at = what.find(path);
      return at == std::string::npos ? what : what.replace(at, path.size(), "FILE");
    }
    return "accepted";
  }
};

const std::string prefix = "millrace::ComputeConfig: ";

}  // namespace

TEST_CASE("a TOML file has every field") {
  const File file(R"(
    title = "the program's own"
    [millrace]
    threads = 3
    thread_name = "mill"
    stack_size = "128KiB"
    pin_threads = true
    numa_node = -1
    core_type = "any"
    nice = 4
    idle_spin = "100us"
    slow_job = "2ms"
    max_pending = 9
    overflow = "reject"
    [other]
    threads = "many"
  )");
  CHECK(millrace::config_from_toml(file.path) ==
        ComputeConfig{.threads = 3,
                      .thread_name = "mill",
                      .stack_size = 131072,
                      .pin_threads = true,
                      .nice = 4,
                      .idle_spin = 100us,
                      .slow_job = 2ms,
                      .max_pending = 9,
                      .overflow = millrace::Overflow::reject});
}

TEST_CASE("a TOML file leaves what it doesn't name") {
  const ComputeConfig base{.threads = 5, .nice = 2};
  ComputeConfig expected = base;
  CHECK(millrace::config_from_toml(File("[millrace]").path, base) == base);
  expected.stack_size = 262144;
  const File file("[a]\n[a.pool]\nstack_size = 262144");
  CHECK_THROWS_AS(millrace::config_from_toml(file.path, base), std::invalid_argument);
  const File other("[pool]\nstack_size = 262144");
  CHECK(millrace::config_from_toml(other.path, base, "pool") == expected);
}

TEST_CASE("an unknown field of a TOML file is refused with the nearest or the list [P43]") {
  CHECK(File("[millrace]\n\nthread = 3").refusal() ==
        prefix + "unknown field thread, did you mean threads? (FILE:3)");
  CHECK(File("[millrace]\ncolour = 3")
            .refusal()
            .starts_with(prefix + "unknown field colour, must be one of threads, thread_name, "));
}

TEST_CASE("a value of a TOML file is refused by file and line and field and value [P43]") {
  CHECK(File("[millrace]\nthreads = \"four\"").refusal() ==
        prefix + "threads is \"four\", must be a whole number (FILE:2)");
  CHECK(File("[millrace]\nthreads = 3000000000").refusal() ==
        prefix + "threads is \"3000000000\", must be a whole number (FILE:2)");
  CHECK(File("[millrace]\nidle_spin = 5").refusal() ==
        prefix + "idle_spin is \"5\", must be 0, or a whole number with ns, us, ms or s (FILE:2)");
  CHECK(File("[millrace]\nnice = 77").refusal() ==
        prefix + "nice is 77, must be -20 to 19 (FILE:2)");
  CHECK(File("[millrace]\nthreads = 1.5").refusal() ==
        prefix + "threads is no text, whole number or boolean, must be a whole number (FILE:2)");
  CHECK(File("[millrace]\nthreads = [1]").refusal() ==
        prefix + "threads is no text, whole number or boolean, must be a whole number (FILE:2)");
}

TEST_CASE("a file that is no TOML or has no table is refused by name and line [P43]") {
  CHECK(File("").refusal() == prefix + "FILE has no table [millrace]");
  CHECK(File("millrace = 3").refusal() == prefix + "FILE has no table [millrace]");
  CHECK(File("[millrace]\nthreads 3").refusal().starts_with(prefix + "FILE:2: "));
  File gone("");
  gone.path += ".gone";
  CHECK(gone.refusal().starts_with(prefix + "FILE: "));
  CHECK(gone.refusal().find('\n') == std::string::npos);
}
