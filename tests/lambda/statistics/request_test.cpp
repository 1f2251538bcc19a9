#include "statistics/request.hpp"

#include <nlohmann/json.hpp>
#include <string>

#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using lambda::statistics::Algorithm;
using lambda::statistics::parse_request;
using nlohmann::json;

namespace {

std::string error_of(const std::string& event) {
  return test::message_of<lambda::HandlerError>([&] { return parse_request(json::parse(event)); });
}

// The error of an event with this data.
std::string error_of_data(const std::string& data) {
  return error_of(R"({"algorithm": "standard", "data": )" + data + "}");
}

}  // namespace

TEST_CASE("statistics request: points, numbers of every kind, metadata or none") {
  const auto request = parse_request(json::parse(
      R"({"data": [{"values": [1, -2.5, 18446744073709551615, 1e300], "metadata": "x"},
                   {"values": [0]}], "algorithm": "advanced"})"));
  CHECK(request.algorithm == Algorithm::advanced);
  CHECK(request.points ==
        std::vector<std::vector<double>>{{1, -2.5, 18446744073709551616.0, 1e300}, {0}});
}

TEST_CASE("statistics request: an unknown algorithm is refused and the known ones are named") {
  const std::string data = R"("data": [{"values": [1]}])";
  CHECK(error_of("{" + data + R"(, "algorithm": "fast"})") ==
        "\"algorithm\" must be \"standard\" or \"advanced\", not \"fast\"");
  CHECK(error_of("{" + data + R"(, "algorithm": null})") ==
        "\"algorithm\" must be \"standard\" or \"advanced\", not null");
  CHECK(error_of("{" + data + "}") ==
        "\"algorithm\" is missing; it must be \"standard\" or \"advanced\"");
}

TEST_CASE("statistics request: a message says where the event is wrong") {
  CHECK(error_of("[]") == "the event must be a JSON object, not []");
  CHECK(error_of(R"({"algorithm": "standard"})") ==
        "\"data\" is missing; it must be an array of points");
  CHECK(error_of_data("{}") == "\"data\" must be an array of points, not {}");
  CHECK(error_of_data("[]") == "\"data\" is empty; it must be an array of points, at least one");
  CHECK(error_of_data("[{\"values\": [1]}, 5]") == "data[1] must be an object with values, not 5");
  CHECK(error_of_data("[{\"metadata\": \"x\"}]") ==
        "data[0].values is missing; it must be an array of numbers");
  CHECK(error_of_data("[{\"values\": 7}]") == "data[0].values must be an array of numbers, not 7");
  CHECK(error_of_data("[{\"values\": [1]}, {\"values\": []}]") ==
        "data[1].values is empty; it must be an array of numbers, at least one");
  CHECK(error_of_data("[{\"values\": [1, 2, \"3\"]}]") ==
        "data[0].values[2] must be a number, not \"3\"");
  CHECK(error_of_data("[{\"values\": [1]}, {\"values\": [null]}]") ==
        "data[1].values[0] must be a number, not null");
  CHECK(error_of_data("[{\"values\": [1], \"metadata\": 5}]") ==
        "data[0].metadata must be a string, not 5");
  CHECK(error_of_data("[{\"value\": [1]}]") ==
        "unknown field \"value\" in data[0]; it may have values and metadata");
  CHECK(error_of(R"({"data": [], "algorithm": "standard", "algo": 1})") ==
        "unknown field \"algo\" in the event; it may have data and algorithm");
}
