#include "event/fields.hpp"

#include <limits>
#include <string>

#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using namespace lambda;
using nlohmann::json;

namespace {

template <class Call>
std::string error_of(Call&& call) {
  return test::message_of<HandlerError>(call);
}

std::string count_error(const json& value) {
  return error_of([&] { return event::whole_number({{"count", value}}, "count", 1, 1000); });
}

std::string mode_error(const json& event) {
  return error_of([&] { return event::choice(event, "mode", {"a", "b", "c"}); });
}

}  // namespace

TEST_CASE("fields: whole numbers") {
  CHECK(event::whole_number({{"count", 1}}, "count", 1, 1000) == 1);
  CHECK(event::whole_number({{"count", 1000}}, "count", 1, 1000) == 1000);
  CHECK(event::whole_number({{"count", 2.0}}, "count", 1, 1000) == 2);
  CHECK(error_of([] { return event::whole_number(json::object(), "count", 1, 1000); }) ==
        "\"count\" is missing; it must be a whole number from 1 to 1000");
  for (const auto& [value, shown] : {std::pair<json, std::string>{0, "0"},
                                     {1001, "1001"},
                                     {-1, "-1"},
                                     {1.5, "1.5"},
                                     {"20", "\"20\""},
                                     {nullptr, "null"},
                                     {true, "true"},
                                     {18446744073709551615U, "18446744073709551615"},
                                     {1e300, "1e+300"},
                                     {std::numeric_limits<double>::quiet_NaN(), "null"}}) {
    CHECK(count_error(value) == "\"count\" must be a whole number from 1 to 1000, not " + shown);
  }
}

TEST_CASE("fields: numbers") {
  const auto sigma = [](const json& event) { return event::number(event, "sigma", 0.1, 20, 1.5); };
  CHECK(sigma(json::object()) == 1.5);
  CHECK(sigma({{"sigma", 3}}) == 3);
  for (const auto& value : {json(0), json("1"), json(20.5), json(nullptr)}) {
    CHECK(error_of([&] { return sigma({{"sigma", value}}); }) ==
          "\"sigma\" must be a number from 0.1 to 20.0, not " + value.dump());
  }
}

TEST_CASE("fields: choices") {
  CHECK(event::choice({{"mode", "b"}}, "mode", {"a", "b", "c"}) == 1);
  CHECK(event::choice(json::object(), "mode", {"a", "b"}, 1) == 1);
  CHECK(event::choice({{"mode", "a"}}, "mode", {"a", "b"}, 1) == 0);
  CHECK(mode_error(json::object()) == "\"mode\" is missing; it must be \"a\", \"b\" or \"c\"");
  CHECK(mode_error({{"mode", "d"}}) == "\"mode\" must be \"a\", \"b\" or \"c\", not \"d\"");
  CHECK(mode_error({{"mode", 1}}) == "\"mode\" must be \"a\", \"b\" or \"c\", not 1");
}

TEST_CASE("fields: unknown ones are refused") {
  CHECK_NOTHROW(event::allow_only({{"a", 1}}, {"a", "b"}));
  CHECK(error_of([] {
          event::allow_only({{"c", 1}}, {"a", "b"});
          return 0;
        }) == "unknown field \"c\" in the event; it may have a and b");
  CHECK(error_of([] {
          event::allow_only(json::array(), {"a"});
          return 0;
        }) == "the event must be a JSON object, not []");
}
