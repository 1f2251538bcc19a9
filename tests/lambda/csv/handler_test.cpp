#include "csv_etl/handler.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <millrace/compute_pool.hpp>
#include <set>
#include <string>

#include "csv_etl/aggregate.hpp"
#include "data/medical_records.hpp"
#include "lambda/support/files.hpp"
#include "lambda/support/reported.hpp"
#include "lambda/support/scripted_server.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using namespace lambda;
using nlohmann::json;

namespace {

json invoke(const json& event, const std::string& request_id = "request-1") {
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = 2}};
  Context context;
  context.request_id = request_id;
  return test::run(csv_etl::handle(event, context, pool));
}

std::string error_of(const json& event) {
  return test::message_of<HandlerError>([&] { return invoke(event); });
}

// Exit status and output of check_result.py, which shares no code with the handler.
std::pair<int, std::string> check_result(const test::TemporaryDirectory& directory,
                                         const std::string& csv, const std::string& sqlite,
                                         const std::string& request_id) {
  const auto output = directory.file("check_result.txt");
  const std::string command = std::string{"'"} + PYTHON + "' '" + CHECK_RESULT + "' '" + csv +
                              "' '" + sqlite + "' '" + request_id + "' > '" + output + "' 2>&1";
  const int status = std::system(command.c_str());
  return {WEXITSTATUS(status), test::read(output)};
}

}  // namespace

TEST_CASE("handler: the reply has every field that was promised") {
  const test::TemporaryDirectory directory;
  const auto csv = directory.write("in.csv",
                                   "Hospital,Diagnosis,Treatment,Recovery Time\n"
                                   "Mercy,Flu,Rest,10\nMercy,Flu,\xFF,1\n");
  const auto reply = invoke({{"input", csv}, {"output", directory.file("out.sqlite")}}, "id-7");
  std::set<std::string> fields;
  for (const auto& [name, value] : reply.items()) fields.insert(name);
  CHECK(fields == std::set<std::string>{"request_id", "rows", "groups", "bad_rows",
                                        "bad_row_samples", "input_bytes", "items_written",
                                        "workers", "read_ms", "compute_ms", "write_ms"});
  CHECK(reply["request_id"] == "id-7");
  CHECK(reply["rows"] == 1);
  CHECK(reply["groups"] == 1);
  CHECK(reply["bad_rows"] == 1);
  CHECK(reply["bad_row_samples"][0]["line"] == 3);
  CHECK(reply["bad_row_samples"][0]["reason"] == "not valid UTF-8");
  CHECK(reply["items_written"] == 1);
  CHECK(reply["workers"] == 2);
  for (const auto* phase : {"read_ms", "compute_ms", "write_ms"}) CHECK(reply[phase] >= 0.0);
  // The reply goes out as JSON, which must be UTF-8 although the file wasn't.
  CHECK_NOTHROW(reply.dump());
}

TEST_CASE("handler: the report counts the rows, bad ones too") {
  const test::TemporaryDirectory directory;
  const auto csv = directory.write(
      "in.csv", "Hospital,Diagnosis,Treatment,Recovery Time\nM,F,a,1\nM,F,a,x\nM,F,a,2\n");
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = 1}};
  const auto context = test::reporting_context();
  static_cast<void>(test::run(
      csv_etl::handle({{"input", csv}, {"output", directory.file("out.sqlite")}}, context, pool)));
  CHECK(*context.report_fields == json{{"items", 3}});
}

TEST_CASE("handler: a missing file and a bad event are errors, and the next invocation works") {
  const test::TemporaryDirectory directory;
  const auto out = directory.file("out.sqlite");
  const auto missing = directory.file("missing.csv");
  CHECK(error_of({{"input", missing}, {"output", out}}) == missing + ": No such file or directory");
  CHECK(error_of({{"input", missing}, {"output", out}, {"x", 1}}).starts_with("unknown field"));
  CHECK(error_of({{"input", missing}, {"output", ":memory:"}}) ==
        ":memory:: the results would be lost; give a file");
  const auto csv = directory.write("in.csv", "Hospital,Diagnosis,Treatment,Recovery Time\nM,F,a,1");
  CHECK(invoke({{"input", "file://" + csv}, {"output", "file://" + out}})["items_written"] == 1);
}

TEST_CASE("handler: from S3 to DynamoDB, by a notification") {
  using namespace lambda::testing;
  const std::string csv = "Hospital,Diagnosis,Treatment,Recovery Time\nMercy,Flu,Rest,10\n";
  ScriptedServer server({reply(200, {{"ETag", "\"1\""}}, csv), reply(200, {}, "{}")});
  const std::map<std::string, std::string> variables{{"AWS_ACCESS_KEY_ID", "id"},
                                                     {"AWS_SECRET_ACCESS_KEY", "top-secret"},
                                                     {"AWS_ENDPOINT_URL", server.url("")},
                                                     {"CSV_ETL_OUTPUT", "dynamodb://records"}};
  for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  const json notification = {
      {"Records", {{{"s3", {{"bucket", {{"name", "b"}}}, {"object", {{"key", "in/a+b"}}}}}}}}};
  const auto reply_of_handler = invoke(notification, "id-7");
  for (const auto& [name, value] : variables) ::unsetenv(name.c_str());

  CHECK(reply_of_handler["items_written"] == 1);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].target == "/b/in/a%20b");
  const json expected = {{"PK", {{"S", "id-7"}}},
                         {"SK", {{"S", "#diagnosis#Flu#hospital#Mercy"}}},
                         {"Diagnosis", {{"S", "Flu"}}},
                         {"Hospital", {{"S", "Mercy"}}},
                         {"MostUsedTreatment", {{"S", "Rest"}}},
                         {"AverageRecoveryTime", {{"N", "10"}}}};
  CHECK(json::parse(requests[1].body)["RequestItems"]["records"][0]["PutRequest"]["Item"] ==
        expected);
}

TEST_CASE("handler: the independent calculation agrees in every group of generated records") {
  const test::TemporaryDirectory directory;
  std::string text{data::medical_records_header};
  data::MedicalRecords records{1};
  for (int row = 0; row < 30'000; ++row) records.append_row(text);
  const auto csv = directory.write("in.csv", text);
  const auto out = directory.file("out.sqlite");
  CHECK(invoke({{"input", csv}, {"output", out}}, "r-1")["groups"] == 400);
  const auto [status, output] = check_result(directory, csv, out, "r-1");
  CHECK(output == "400 of 400 groups equal\n");
  CHECK(status == 0);
}

TEST_CASE("handler: the independent calculation agrees on quotes, decimals, ties and bad rows") {
  const test::TemporaryDirectory directory;
  std::string text = "\xEF\xBB\xBFTreatment,\"Recovery Time\",Ward,Hospital,Diagnosis\r\n";
  const std::string names[] = {"A", "\"A\"", "\"B, \"\"C\"\"\"", "\"D\r\nE\"", "M\xC3\xBCnchen"};
  const std::string times[] = {"1", "0.1", "-2.25", "12.000001", "x", "", "1e3", "\"7.5\"", "9."};
  data::SplitMix64 random{3};
  for (int row = 0; row < 5000; ++row) {
    text += names[random.below(5)] + ',' + times[random.below(9)] + ",w," + names[random.below(5)] +
            ',' + names[random.below(5)];
    if (random.below(20) == 0) text += ",surplus";
    text += random.below(2) == 0 ? "\r\n" : "\n\n";
  }
  text += "T,1,w,A,\xFF\nT,1,w,A,A";
  const auto csv = directory.write("in.csv", text);
  const auto out = directory.file("out.sqlite");
  const auto reply = invoke({{"input", csv}, {"output", out}}, "r-1");
  CHECK(reply["groups"] == 16);
  CHECK(reply["bad_rows"] > 1000);
  const auto [status, output] = check_result(directory, csv, out, "r-1");
  CHECK(output == "16 of 16 groups equal\n");
  CHECK(status == 0);
}

TEST_CASE("handler: the independent calculation notices a result that isn't the file's") {
  const test::TemporaryDirectory directory;
  const std::string header = "Hospital,Diagnosis,Treatment,Recovery Time\n";
  const auto csv = directory.write("in.csv", header + "M,F,a,1\nM,F,b,2\nM,F,b,5\nN,F,a,1\n");
  const auto other = directory.write("other.csv", header + "M,F,a,1\nM,F,a,2\nM,F,b,4\nO,F,a,1\n");
  const auto out = directory.file("out.sqlite");
  invoke({{"input", csv}, {"output", out}}, "r-1");
  const auto [status, output] = check_result(directory, other, out, "r-1");
  CHECK(status == 1);
  CHECK(output.find("0 of 3 groups equal") != std::string::npos);
  CHECK(check_result(directory, csv, out, "another-request").first == 1);
  CHECK(check_result(directory, directory.file("missing"), out, "r-1").first == 2);
}
