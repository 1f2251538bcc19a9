// The CSV ETL as its callers see it: through local-runtime-api, with its real bootstrap.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "local_api.hpp"
#include "replies.hpp"
#include "support/catch.hpp"

using lambda::HttpResponse;
using lambda::testing::error_of;
using lambda::testing::LocalApi;
using nlohmann::json;

namespace {

const std::string header = "Hospital,Diagnosis,Treatment,Recovery Time\n";
const std::string two_rows = "North,Flu,Rest,10\nNorth,Flu,Tea,15\n";

/// A folder of its own for one test, and a function that works in it.
class Fixture {
 public:
  Fixture()
      : folder_(make_folder()),
        api_({"--env", "WORKER_COUNT=2", "--env", "CSV_ETL_OUTPUT=" + path("out.sqlite"), "--",
              CSV_ETL_BOOTSTRAP}) {}
  ~Fixture() { std::filesystem::remove_all(folder_); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }

  /// Calls the function with a file of this content.
  HttpResponse invoke_with(const std::string& content, json event = json::object()) {
    std::ofstream(path("in.csv"), std::ios::binary) << content;
    event["input"] = path("in.csv");
    return api_.invoke(event.dump());
  }

  HttpResponse invoke(const json& event) { return api_.invoke(event.dump()); }

  /// Whatever came before, the same process serves the next call.
  void check_serves() {
    const HttpResponse response = invoke_with(header + two_rows);
    INFO(response.body);
    CHECK_FALSE(response.headers.find("X-Amz-Function-Error"));
    const json reply = json::parse(response.body);
    CHECK(reply.at("rows") == 2);
    CHECK(reply.at("groups") == 1);
    CHECK(reply.at("bad_rows") == 0);
    CHECK(reply.at("items_written") == 1);
    CHECK_THAT(api_.log(), !Catch::Contains("bootstrap has ended"));
  }

 private:
  static std::filesystem::path make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-etl-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    return name;
  }

  std::filesystem::path folder_;
  LocalApi api_;
};

json result_of(const HttpResponse& response) {
  INFO(response.body);
  CHECK(response.status == 200);
  CHECK_FALSE(response.headers.find("X-Amz-Function-Error"));
  return json::parse(response.body);
}

}  // namespace

TEST_CASE("csv etl: a missing file", "[csv]") {
  Fixture f;
  const std::string message =
      error_of(f.invoke({{"input", f.path("nowhere.csv")}}), "Function.InputUnavailable");
  CHECK_THAT(message, Catch::Contains("nowhere.csv") && Catch::Contains("No such file"));
  f.check_serves();
}

TEST_CASE("csv etl: an empty file", "[csv]") {
  Fixture f;
  CHECK_THAT(error_of(f.invoke_with(""), "Function.InvalidInput"), Catch::Contains("empty"));
  f.check_serves();
}

TEST_CASE("csv etl: a file with a header alone", "[csv]") {
  Fixture f;
  const json reply = result_of(f.invoke_with(header));
  CHECK(reply.at("rows") == 0);
  CHECK(reply.at("groups") == 0);
  f.check_serves();
}

TEST_CASE("csv etl: a file without a final newline", "[csv]") {
  Fixture f;
  const json reply = result_of(f.invoke_with(header + two_rows + "South,Flu,Rest,7"));
  CHECK(reply.at("rows") == 3);
  CHECK(reply.at("groups") == 2);
  CHECK(reply.at("bad_rows") == 0);
  f.check_serves();
}

TEST_CASE("csv etl: a bad row is reported and takes no other with it", "[csv]") {
  Fixture f;
  const json reply = result_of(f.invoke_with(header + "North,Flu,Rest,soon\n" + two_rows));
  CHECK(reply.at("rows") == 2);
  CHECK(reply.at("bad_rows") == 1);
  REQUIRE(reply.at("bad_row_samples").size() == 1);
  CHECK(reply.at("bad_row_samples")[0]["line"] == 2);
  f.check_serves();
}

TEST_CASE("csv etl: a bad row fails the invocation if asked to", "[csv]") {
  Fixture f;
  const std::string message =
      error_of(f.invoke_with(header + two_rows + "North,Flu,Rest,soon\n", {{"on_bad_row", "fail"}}),
               "Function.BadRow");
  CHECK_THAT(message, Catch::Contains("line 4") && Catch::Contains("soon"));
  f.check_serves();
}

TEST_CASE("csv etl: an event that isn't right", "[csv]") {
  Fixture f;
  CHECK_THAT(error_of(f.invoke({{"inptu", "x"}}), "Function.InvalidEvent"),
             Catch::Contains("inptu"));
  CHECK_THAT(error_of(f.invoke({}), "Function.InvalidEvent"), Catch::Contains("object"));
  f.check_serves();
}
