#include "support/options.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace bench {

namespace {

constexpr const char* help = R"(Measures problem x rival, in rounds that go from rival to rival.

  --problem A,B      only these problems           --list shows what there is
  --rival A,B        only these rivals; "thread_pool" takes all that begin with "thread_pool-"
  --workers N,M      only with these numbers of workers
  --in-flight N,M    only with these numbers of jobs in flight
  --rounds N         repetitions (5)
  --time MS          length of one run in milliseconds (each problem has its own)
  --rotate N         which rival begins the first round (0)
  --pin              the loop's thread on a CPU of its own, where there are enough
  --json FILE        writes all values there
)";

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

int number(std::string_view name, const std::string& text, int least) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least)
    throw std::invalid_argument(std::string(name) + " is '" + text + "', must be a number from " +
                                std::to_string(least));
  return value;
}

std::vector<int> numbers(std::string_view name, const std::string& text) {
  std::vector<int> values;
  for (const auto& part : split(text)) values.push_back(number(name, part, 0));
  return values;
}

}  // namespace

options parse(int argc, char** argv) {
  options wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      std::fputs(help, stdout);
      std::exit(0);
    }
    if (name == "--list") {
      wanted.list = true;
      continue;
    }
    if (name == "--pin") {
      wanted.pin = true;
      continue;
    }
    if (i + 1 == argc) throw std::invalid_argument(name + " needs a value, or isn't an option");
    const std::string value = argv[++i];
    if (name == "--problem") {
      wanted.problems = split(value);
    } else if (name == "--rival") {
      wanted.rivals = split(value);
    } else if (name == "--workers") {
      wanted.workers = numbers(name, value);
    } else if (name == "--in-flight") {
      wanted.in_flight = numbers(name, value);
    } else if (name == "--rounds") {
      wanted.rounds = number(name, value, 1);
    } else if (name == "--rotate") {
      wanted.rotate = number(name, value, 0);
    } else if (name == "--time") {
      wanted.time = std::chrono::milliseconds(number(name, value, 1));
    } else if (name == "--json") {
      wanted.json = value;
    } else {
      throw std::invalid_argument(name + " is no option; --help lists them");
    }
  }
  return wanted;
}

}  // namespace bench
