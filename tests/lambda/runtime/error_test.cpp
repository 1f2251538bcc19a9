#include "runtime/error.hpp"

#include <nlohmann/json.hpp>
#include <system_error>

#include "lambda/support/error_type.hpp"
#include "support/catch.hpp"

using lambda::describe;
using lambda::ErrorReport;
using lambda::function_error_type;
using lambda::HandlerError;
using lambda::testing::is_error_type;

namespace {

struct bad_row2 : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class E>
ErrorReport report_of(E error) {
  return describe(std::make_exception_ptr(std::move(error)));
}

}  // namespace

TEST_CASE("error: any name becomes a type that the Runtime API takes", "[error]") {
  const auto [name, type] = GENERATE(table<std::string, std::string>({
      {"InvalidInput", "Function.InvalidInput"},
      {"invalid_input", "Function.InvalidInput"},
      {"std::invalid_argument", "Function.InvalidArgument"},
      {"std::filesystem::__cxx11::filesystem_error", "Function.FilesystemError"},
      {"(anonymous namespace)::Bad2", "Function.Bad"},
      {"app::Wrong<std::vector<int>>", "Function.Wrong"},
      {"HTTP404Error", "Function.HTTPError"},
      {"\xC3\x9C"
       "bel",
       "Function.Bel"},
      {"Function.Twice", "Function.FunctionTwice"},
      {"", "Function.Unknown"},
      {"42", "Function.Unknown"},
      {"x", "Function.Unknown"},
  }));
  CHECK(function_error_type(name) == type);
  CHECK(is_error_type(type));
}

TEST_CASE("error: a HandlerError keeps its type and message", "[error]") {
  const HandlerError error("MissingFile", "no file at /tmp/x");
  CHECK(error.error_type() == "Function.MissingFile");
  const ErrorReport report = report_of(error);
  CHECK(report.type == "Function.MissingFile");
  CHECK(report.message == "no file at /tmp/x");
}

TEST_CASE("error: other exceptions are named after their class", "[error]") {
  CHECK(report_of(std::invalid_argument("x")).type == "Function.InvalidArgument");
  CHECK(report_of(std::bad_alloc()).type == "Function.BadAlloc");
  CHECK(report_of(std::system_error(std::make_error_code(std::errc::io_error))).type ==
        "Function.SystemError");
  CHECK(report_of(bad_row2("x")).type == "Function.BadRow");
  CHECK(report_of(Wrong<int>("x")).type == "Function.Wrong");
  CHECK(report_of(42).type == "Function.Unknown");
  CHECK_FALSE(report_of(42).message.empty());
}

TEST_CASE("error: the body has Lambda's shape, also for bytes that are no UTF-8", "[error]") {
  const ErrorReport report{"Function.Bad", "tab\there, \xFF there"};
  const auto body = nlohmann::json::parse(report.body());
  CHECK(body.size() == 3);
  CHECK(body["errorType"] == "Function.Bad");
  CHECK(body["errorMessage"] == "tab\there, \xEF\xBF\xBD there");
  CHECK(body["stackTrace"] == nlohmann::json::array());
}
