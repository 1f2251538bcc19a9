#include "millrace/config_flags.hpp"

#include <cctype>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using millrace::ComputeConfig;
using Arguments = std::vector<std::string>;
using namespace std::chrono_literals;

namespace {

// A variable of the environment, for the time of a scope.
class Variable {
 public:
  Variable(std::string name, const std::string& value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_.c_str()); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
};

template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

std::string env_refusal(const std::string& name, const std::string& value) {
  const Variable variable("TEST_" + name, value);
  return refusal([] { static_cast<void>(ComputeConfig::from_env("TEST")); });
}

std::string flags_refusal(Arguments arguments) {
  return refusal([&] { static_cast<void>(millrace::take_config_flags(arguments)); });
}

// A text for every field, none of which is its default. This machine may not have a NUMA node, nor
// cores of two types.
struct Setting {
  const char* name;
  const char* text;
};
const std::vector<Setting> settings = {
    {"threads", "3"},        {"thread_name", "mill"}, {"stack_size", "128KiB"},
    {"pin_threads", "true"}, {"nice", "4"},           {"idle_spin", "100us"},
    {"slow_job", "2ms"},     {"max_pending", "9"},    {"overflow", "reject"},
};
ComputeConfig all_set() {
  return {.threads = 3,
          .thread_name = "mill",
          .stack_size = 131072,
          .pin_threads = true,
          .nice = 4,
          .idle_spin = 100us,
          .slow_job = 2ms,
          .max_pending = 9,
          .overflow = millrace::Overflow::reject};
}

const std::string prefix = "millrace::ComputeConfig: ";

}  // namespace

TEST_CASE("without variables or flags a configuration stays as it is") {
  Arguments none;
  CHECK(ComputeConfig::from_env("TEST") == ComputeConfig{});
  CHECK(ComputeConfig::from_env("TEST", all_set()) == all_set());
  CHECK(millrace::take_config_flags(none, all_set()) == all_set());
}

TEST_CASE("every field has a variable and a flag") {
  for (const auto& one : settings) {
    CAPTURE(one.name);
    std::string variable = "TEST_";
    std::string flag = "--";
    for (const char c : std::string(one.name)) {
      variable += c == '_' ? '_' : static_cast<char>(std::toupper(c));
      flag += c == '_' ? '-' : c;
    }
    const Variable set(variable, one.text);
    const ComputeConfig from_env = ComputeConfig::from_env("TEST");
    CHECK_FALSE(from_env == ComputeConfig{});
    Arguments apart{flag, one.text};
    CHECK(millrace::take_config_flags(apart) == from_env);
    Arguments joined{flag + '=' + one.text};
    CHECK(millrace::take_config_flags(joined) == from_env);
    CHECK((apart.empty() && joined.empty()));
  }

  Arguments flags;
  for (const auto& field : millrace::detail::config_fields<ComputeConfig>) {
    for (const auto& one : settings) {
      if (one.name == field.name) flags.insert(flags.end(), {field.flag(), one.text});
    }
  }
  CHECK(millrace::take_config_flags(flags) == all_set());
}

TEST_CASE("the default prefix is MILLRACE") {
  const Variable set("MILLRACE_THREADS", "3");
  CHECK(ComputeConfig::from_env().threads == 3);
  CHECK(ComputeConfig::from_env("MILLRACE").threads == 3);
  CHECK(ComputeConfig::from_env("OTHER") == ComputeConfig{});
}

TEST_CASE("a later source wins, field by field") {
  const Variable threads("TEST_THREADS", "3");
  const Variable name("TEST_THREAD_NAME", "env");
  ComputeConfig config{.threads = 2, .thread_name = "file", .nice = 7};
  config = ComputeConfig::from_env("TEST", config);
  Arguments flags{"--threads", "5", "--threads=4"};
  config = millrace::take_config_flags(flags, config);
  CHECK(config.threads == 4);
  CHECK(config.thread_name == "env");
  CHECK(config.nice == 7);
}

TEST_CASE("a value of another form is refused by variable or flag and field and value [P43]") {
  const std::string number = ", must be a whole number";
  CHECK(env_refusal("THREADS", "four") ==
        prefix + "threads is \"four\"" + number + " (TEST_THREADS in the environment)");
  CHECK(env_refusal("THREADS", "") ==
        prefix + "threads is \"\"" + number + " (TEST_THREADS in the environment)");
  CHECK(flags_refusal({"--idle-spin", "5"}) ==
        prefix + "idle_spin is \"5\", must be 0, or a whole number with ns, us, ms or s " +
            "(--idle-spin)");
  CHECK(flags_refusal({"--stack-size=1MB"}) ==
        prefix + "stack_size is \"1MB\", must be a whole number of bytes, or one with B, KiB, " +
            "MiB or GiB (--stack-size)");
  CHECK(flags_refusal({"--overflow", "drop"}) ==
        prefix + "overflow is \"drop\", must be wait or reject (--overflow)");
  CHECK(flags_refusal({"--core-type", "fast"}) ==
        prefix + "core_type is \"fast\", must be any, performance or efficiency (--core-type)");
  CHECK(flags_refusal({"--pin-threads", "1"}) ==
        prefix + "pin_threads is \"1\", must be true or false (--pin-threads)");
  CHECK(flags_refusal({"--max-pending", "-1"}) ==
        prefix + "max_pending is \"-1\", must be a whole number, at least 0 (--max-pending)");
}

TEST_CASE("a value out of range is refused by variable or flag and field and value [P43]") {
  CHECK(env_refusal("THREADS", "0").starts_with(prefix + "threads is 0, must be 1 to "));
  CHECK(env_refusal("THREADS", "0").ends_with(" (TEST_THREADS in the environment)"));
  CHECK(flags_refusal({"--idle-spin", "2s"}) ==
        prefix + "idle_spin is 2000000000, must be 0 to 1000000000 ns (--idle-spin)");
  CHECK(flags_refusal({"--nice", "20"}) == prefix + "nice is 20, must be -20 to 19 (--nice)");
}

TEST_CASE("a value is judged without the fields that a later source may set") {
  // Too long a name for a hundred threads; but there will be two.
  const ComputeConfig base{.threads = 100};
  const Variable name("TEST_THREAD_NAME", "thirteenbytes");
  ComputeConfig config = ComputeConfig::from_env("TEST", base);
  CHECK_THROWS_AS(config.validate(), std::invalid_argument);
  Arguments flags{"--threads", "2"};
  config = millrace::take_config_flags(flags, config);
  CHECK_NOTHROW(config.validate());
}

TEST_CASE("an error is one line whatever the value holds") {
  CHECK(env_refusal("THREADS", "4\n5").find('\n') == std::string::npos);
  CHECK(env_refusal("THREAD_NAME", "far\ntoo long a name").find('\n') == std::string::npos);
  CHECK(env_refusal("THREAD_NAME", "far\ntoo long a name").find("far?too") != std::string::npos);
}

TEST_CASE("flags leave what is the program's") {
  Arguments arguments{"--port", "80", "--threads", "2", "file", "--", "--threads", "3"};
  CHECK(millrace::take_config_flags(arguments).threads == 2);
  CHECK(arguments == Arguments{"--port", "80", "file", "--", "--threads", "3"});
}

TEST_CASE("a flag without its value is refused by name [P43]") {
  CHECK(flags_refusal({"--threads"}) ==
        prefix + "threads has no value, must be a whole number (--threads)");
}

TEST_CASE("an unknown flag is refused with the nearest known name or the list [P43]") {
  const auto unknown = [](const Arguments& arguments) {
    return refusal([&] { millrace::refuse_unknown_flags(arguments, {"--port"}); });
  };
  CHECK(unknown({"--thread", "4"}) == "unknown flag --thread, did you mean --threads?");
  CHECK(unknown({"file", "--prot=80"}) == "unknown flag --prot, did you mean --port?");
  CHECK(unknown({"--verbose"})
            .starts_with(
                "unknown flag --verbose, must be one of --port, --threads, --thread-name, "));
  CHECK(unknown({"-v"}).starts_with("unknown flag -v, must be one of "));
  CHECK(unknown({"file", "-", "--", "--thread"}) == "accepted");
}

TEST_CASE("the table's defaults are the defaults") {
  for (const auto& field : millrace::detail::config_fields<ComputeConfig>) {
    CAPTURE(field.name);
    if (field.name == "threads") {
      CHECK(field.usual.empty());
      continue;
    }
    ComputeConfig config;
    CHECK(field.set(config, field.usual));
    CHECK(config == ComputeConfig{});
  }
}

TEST_CASE("the table has every field once") {
  // A field more makes this fail to compile: then the table and `settings` need it, too.
  const auto& [threads, thread_name, stack_size, pin_threads, numa_node, core_type, nice, idle_spin,
               slow_job, max_pending, overflow] = ComputeConfig{};
  static_cast<void>(overflow);
  std::set<std::string_view> names;
  for (const auto& field : millrace::detail::config_fields<ComputeConfig>) names.insert(field.name);
  CHECK(names.size() == 11);
}

TEST_CASE("docs configuration.md has the table's fields") {
  std::ifstream file(MILLRACE_CONFIGURATION_PAGE);
  const std::string page(std::istreambuf_iterator<char>(file), {});
  std::string rows;
  for (const auto& field : millrace::detail::config_fields<ComputeConfig>) {
    const std::string name(field.name);
    const std::string usual(field.usual);
    rows += "| `" + name + "` | `" + field.variable("MILLRACE") + "` | `" + field.flag() + "` | " +
            field.form + " | " + (usual.empty() ? "the usable CPUs" : '`' + usual + '`') + " |\n";
  }
  CAPTURE(rows);
  CHECK(page.find("|---|---|---|---|---|\n" + rows + '\n') != std::string::npos);
}

TEST_CASE("the help has a line for every flag") {
  const std::string help = millrace::config_flags_help();
  for (const auto& field : millrace::detail::config_fields<ComputeConfig>) {
    CHECK(help.find("  " + field.flag() + ' ') != std::string::npos);
  }
  CHECK(help.find("  --idle-spin    0, or a whole number with ns, us, ms or s; default 5us\n") !=
        std::string::npos);
}
