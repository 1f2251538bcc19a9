// What the handler writes, against a calculation that shares no code with it.

#include <cstdlib>
#include <fstream>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "csv_transform/handler.hpp"
#include "io/file_sink.hpp"
#include "io/file_source.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda;
using nlohmann::json;

namespace {

// Exit status and output of rows.py.
std::pair<int, std::string> rows(const std::string& arguments) {
  const test::TemporaryDirectory directory;
  const auto output = directory.file("output.txt");
  const std::string line =
      std::string{"'"} + PYTHON + "' '" + ROWS + "' " + arguments + " > '" + output + "' 2>&1";
  const int status = std::system(line.c_str());
  return {WEXITSTATUS(status), test::read(output)};
}

json invoke(const json& event, int workers = 2) {
  io::FileSource source;
  io::FileSink sink;
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = workers}};
  csv_transform::Handler handler{source, sink};
  Context context;
  return test::run(handler(event, context, pool));
}

// "N of N rows equal ..." as rows.py would say it of this reply.
std::string all_equal(const json& reply) {
  const auto count = std::to_string(reply["rows"].get<int>());
  return count + " of " + count + " rows equal, 0 too many; " +
         std::to_string(reply["bad_rows"].get<int>()) + " bad rows, " +
         std::to_string(reply["totals"]["values"].get<int>()) + " values\n";
}

}  // namespace

TEST_CASE("results: the independent calculation agrees on random rows") {
  const test::TemporaryDirectory folder;
  const auto in = folder.file("in.csv");
  for (const int seed : {1, 2}) {
    const auto [made, log] = rows("make " + std::to_string(seed) + " 5000 '" + in + "'");
    INFO(log);
    REQUIRE(made == 0);
    for (const auto* name : {"out.csv", "out.jsonl"}) {
      const auto out = folder.file(name);
      const auto reply = invoke({{"input", in}, {"output", out}});
      CHECK(reply["rows"] > 4500);
      CHECK(reply["bad_rows"] > 50);
      const auto [status, output] = rows("check '" + in + "' '" + out + "'");
      CHECK(output == all_equal(reply));
      CHECK(status == 0);
    }
  }
}

TEST_CASE("results: the independent calculation notices what is wrong") {
  const test::TemporaryDirectory folder;
  const auto in = folder.write("in.csv", "id,v\na,1,2,4\nb,1,1,1,1,9\n");
  const std::string header = "id,count,mean,median,std_dev,outliers\n";
  const std::string a = "a,3,2.3333333333333335,2,1.247219128924647,\n";
  const auto status = [&](const std::string& result) {
    const auto out = folder.write("out.csv", result);
    const auto [code, output] = rows("check '" + in + "' '" + out + "'");
    INFO(output);
    CHECK_FALSE(output.empty());
    return code;
  };
  CHECK(status(header + a + "b,5,2.6,1,3.2,9\n") == 0);
  CHECK(status(header + a) == 1);
  CHECK(status(header + a + "b,5,2.6,1,3.2,\n") == 1);
  CHECK(status(header + a + "b,5,2.6,1,3.2000000000001,9\n") == 1);
  CHECK(status(header + a + "b,5,2.60,1,3.2,9\n") == 1);
  CHECK(status(header + a + "b,5,2.6,1.5,3.2,9\n") == 1);
  CHECK(status(header + "b,5,2.6,1,3.2,9\n" + a) == 1);
  CHECK(status(header + a + "b,5,2.6,1,3.2,9\nc,1,1,1,0,\n") == 1);
  CHECK(status(a + "b,5,2.6,1,3.2,9\n") == 2);
}

TEST_CASE("results: 200 000 rows and the same bytes with any number of workers") {
  const test::TemporaryDirectory folder;
  const auto in = folder.file("in.csv");
  const auto [made, log] = rows("make 3 200000 '" + in + "'");
  INFO(log);
  REQUIRE(made == 0);
  const auto out = folder.file("out.csv");
  const auto reply = invoke({{"input", in}, {"output", out}});
  CHECK(reply["rows"] > 190'000);
  const auto first = test::read(out);
  CHECK(reply["output_bytes"] == first.size());
  for (const int workers : {1, 3}) {
    static_cast<void>(invoke({{"input", in}, {"output", out}}, workers));
    CHECK(test::read(out) == first);
  }
  const auto [status, output] = rows("check '" + in + "' '" + out + "'");
  CHECK(output == all_equal(reply));
  CHECK(status == 0);
}
