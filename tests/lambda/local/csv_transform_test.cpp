// The CSV transformation as its callers see it: through local-runtime-api, with its real bootstrap.

#include <nlohmann/json.hpp>
#include <string>

#include "lambda/support/files.hpp"
#include "local_api.hpp"
#include "replies.hpp"
#include "support/catch.hpp"

using lambda::HttpResponse;
using lambda::testing::error_of;
using lambda::testing::LocalApi;
using nlohmann::json;

namespace {

const std::string header = "id,count,mean,median,std_dev,outliers\n";

class Fixture {
 public:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.file(name); }

  /// Calls the function with a file of this content.
  HttpResponse invoke_with(const std::string& content, json event = json::object()) {
    event["input"] = folder_.write("in.csv", content);
    return api_.invoke(event.dump());
  }

  /// Whatever came before, the same process serves the next call.
  void check_serves() {
    const HttpResponse response = invoke_with("id,v\na,1,2,3\n");
    INFO(response.body);
    CHECK_FALSE(response.headers.find("X-Amz-Function-Error"));
    const json reply = json::parse(response.body);
    CHECK(reply.at("rows") == 1);
    CHECK(reply.at("bad_rows") == 0);
    CHECK(test::read(path("out.csv")) == header + "a,3,2,2,0.816496580927726,\n");
    CHECK_THAT(api_.log(), !Catch::Contains("bootstrap has ended"));
  }

 private:
  test::TemporaryDirectory folder_;
  LocalApi api_{{"--env", "WORKER_COUNT=2", "--env", "CSV_TRANSFORM_OUTPUT=" + path("out.csv"),
                 "--", CSV_TRANSFORM_BOOTSTRAP}};
};

}  // namespace

TEST_CASE("csv transform: rows are transformed", "[csv]") {
  Fixture f;
  f.check_serves();
}

TEST_CASE("csv transform: bad rows are reported or fail the invocation", "[csv]") {
  Fixture f;
  const HttpResponse response = f.invoke_with("id,v\na,soon\nb,7\n");
  const json reply = json::parse(response.body);
  CHECK(reply.at("rows") == 1);
  CHECK(reply.at("bad_rows") == 1);
  REQUIRE(reply.at("bad_row_samples").size() == 1);
  CHECK(reply.at("bad_row_samples")[0]["line"] == 2);
  CHECK(test::read(f.path("out.csv")) == header + "b,1,7,7,0,\n");
  CHECK_THAT(error_of(f.invoke_with("id,v\na,soon\n", {{"on_bad_row", "fail"}}), "Function.BadRow"),
             Catch::Contains("line 2") && Catch::Contains("soon"));
  f.check_serves();
}

TEST_CASE("csv transform: an empty file and an event that isn't right", "[csv]") {
  Fixture f;
  CHECK_THAT(error_of(f.invoke_with(""), "Function.InvalidInput"), Catch::Contains("empty"));
  CHECK_THAT(error_of(f.invoke_with("", {{"format", "xml"}}), "Function.InvalidEvent"),
             Catch::Contains("\"jsonl\""));
  f.check_serves();
}
