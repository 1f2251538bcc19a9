#include "options.hpp"

#include <charconv>
#include <cstdlib>

#include "error.hpp"

namespace lambda {
namespace {

constexpr int most_workers = 6;
constexpr int most_concurrency = 1000;
constexpr int most_margin_ms = 60'000;

std::string env(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): at start
  return value == nullptr ? "" : value;
}

[[noreturn]] void refuse(const std::string& name, int least, int most, std::string_view text) {
  throw HandlerError("InvalidConfiguration",
                     name + " must be a whole number from " + std::to_string(least) + " to " +
                         std::to_string(most) + ", not \"" + std::string(text) + "\"");
}

std::optional<int> parse_number(const std::string& name, std::string_view text, int least,
                                int most) {
  if (text.empty()) return std::nullopt;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most) {
    refuse(name, least, most, text);
  }
  return number;
}

}  // namespace

RunOptions RunOptions::from_env() {
  RunOptions options;
  options.client.api = env("AWS_LAMBDA_RUNTIME_API");
  options.worker_count = env("WORKER_COUNT");
  try {
    const std::string concurrency = "AWS_LAMBDA_MAX_CONCURRENCY";
    options.max_concurrency =
        parse_number(concurrency, env(concurrency.c_str()), 1, most_concurrency).value_or(1);
    const std::string margin = "LAMBDA_DEADLINE_MARGIN_MS";
    if (const auto ms = parse_number(margin, env(margin.c_str()), 0, most_margin_ms)) {
      options.deadline_margin = std::chrono::milliseconds(*ms);
    }
  } catch (const HandlerError& e) {
    options.configuration_error = e.what();
  }
  return options;
}

void RunOptions::validate() const {
  if (!configuration_error.empty()) {
    throw HandlerError("InvalidConfiguration", configuration_error);
  }
  static_cast<void>(parse_worker_count(worker_count));
  if (max_concurrency < 1 || max_concurrency > most_concurrency) {
    refuse("max_concurrency", 1, most_concurrency, std::to_string(max_concurrency));
  }
  if (deadline_margin.count() < 0 || deadline_margin.count() > most_margin_ms) {
    refuse("deadline_margin", 0, most_margin_ms, std::to_string(deadline_margin.count()));
  }
}

std::optional<int> parse_worker_count(std::string_view text) {
  return parse_number("WORKER_COUNT", text, 1, most_workers);
}

}  // namespace lambda
