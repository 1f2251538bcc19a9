#include "storage/storage.hpp"

#include <asio/this_coro.hpp>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "io/error.hpp"
#include "lambda/support/await.hpp"
#include "lambda/support/files.hpp"
#include "lambda/support/scripted_server.hpp"
#include "support/catch.hpp"

using namespace lambda;
using namespace lambda::testing;

namespace {

const io::SqliteTable table{"t",
                            {{"PK", io::AttributeType::string}, {"SK", io::AttributeType::string}}};
const std::vector<io::Item> items{
    {{"PK", io::AttributeType::string, "p"}, {"SK", io::AttributeType::string, "s"}}};

// One server stands for S3 and DynamoDB.
Step answer(const Received& request) {
  if (request.method == "POST") return reply(200, {}, "{\"UnprocessedItems\":{}}");
  if (request.method == "PUT") return reply(200);
  return reply(200, {{"ETag", "\"1\""}}, "from S3");
}

struct Bench {
  ScriptedServer server{&answer};
  std::map<std::string, std::string> variables{{"AWS_ACCESS_KEY_ID", "id"},
                                               {"AWS_SECRET_ACCESS_KEY", "top-secret"},
                                               {"AWS_ENDPOINT_URL", server.url("")}};
  asio::io_context context{1};
  Storage storage{context.get_executor(), [this](const char* name) -> const char* {
                    const auto place = variables.find(name);
                    return place == variables.end() ? nullptr : place->second.c_str();
                  }};
};

}  // namespace

TEST_CASE("storage: a location says where an object is") {
  Bench bench;
  const test::TemporaryDirectory directory;
  const auto file = directory.file("file");
  await(bench.context, bench.storage.put(file, "from a file", "text/plain"));
  CHECK(await(bench.context, bench.storage.get(file)).view() == "from a file");
  CHECK(bench.server.requests().empty());
  CHECK(await(bench.context, bench.storage.get("s3://b/k")).view() == "from S3");
  await(bench.context, bench.storage.put("s3://b/out", "to S3", "text/plain"));
  const auto requests = bench.server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].target == "/b/k");
  CHECK(requests[1].target == "/b/out");
  CHECK(requests[1].body == "to S3");
  CHECK(requests[1].connection == 1);
}

TEST_CASE("storage: a location says where items go") {
  Bench bench;
  const test::TemporaryDirectory directory;
  const auto file = directory.file("out.sqlite");
  const auto local = bench.storage.item_sink(file, table);
  CHECK(await(bench.context, local->put(items)).items_written == 1);
  CHECK(test::read(file).starts_with("SQLite format 3"));
  const auto remote = bench.storage.item_sink("dynamodb://records", table);
  CHECK(await(bench.context, remote->put(items)).items_written == 1);
  const auto requests = bench.server.requests();
  REQUIRE(requests.size() == 1);
  CHECK(nlohmann::json::parse(requests[0].body) ==
        nlohmann::json::parse(R"({"RequestItems":{"records":[{"PutRequest":{"Item":)"
                              R"({"PK":{"S":"p"},"SK":{"S":"s"}}}}]}})"));
  CHECK_THROWS_AS(bench.storage.item_sink(":memory:", table), io::Error);
}

TEST_CASE("storage: files need no AWS, AWS needs a region") {
  Bench bench;
  bench.variables.clear();
  const test::TemporaryDirectory directory;
  const auto file = directory.write("file", "x");
  CHECK(await(bench.context, bench.storage.get(file)).view() == "x");
  const auto message = test::message_of<io::Error>(
      [&] { return await(bench.context, bench.storage.get("s3://b/k")).size(); });
  CHECK(message == "AWS_REGION is not set; give it, as in eu-central-1");
  CHECK_THROWS_AS(bench.storage.item_sink("dynamodb://t", table), io::Error);
}

TEST_CASE("storage: a context has one, with the process's environment") {
  Bench bench;
  for (const auto& [name, value] : bench.variables) ::setenv(name.c_str(), value.c_str(), 1);
  {
    asio::io_context context{1};
    const auto ask = []() -> asio::awaitable<Storage*> {
      const asio::any_io_executor executor = co_await asio::this_coro::executor;
      Storage& storage = storage_of(executor);
      const auto bytes = co_await storage.get("s3://b/k");
      co_return bytes.view() == "from S3" ? &storage : nullptr;
    };
    Storage* const first = await(context, ask());
    CHECK(first != nullptr);
    CHECK(await(context, ask()) == first);
  }
  for (const auto& [name, value] : bench.variables) ::unsetenv(name.c_str());
  CHECK(bench.server.requests().size() == 2);
  CHECK(bench.server.requests().at(1).connection == 1);
}

TEST_CASE("storage: a context may be destroyed with requests under way") {
  ScriptedServer server({raw("", Step::Then::hang)});
  ::setenv("AWS_ENDPOINT_URL", server.url("").c_str(), 1);
  ::setenv("AWS_ACCESS_KEY_ID", "id", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "top-secret", 1);
  bool ended = false;
  {
    asio::io_context context{1};
    const auto ask = [&]() -> asio::awaitable<void> {
      struct Ended {
        bool& flag;
        ~Ended() { flag = true; }
      };
      const Ended guard{ended};
      const asio::any_io_executor executor = co_await asio::this_coro::executor;
      Storage& storage = storage_of(executor);
      static_cast<void>(co_await storage.get("s3://b/k"));
    };
    asio::co_spawn(context, ask(), [](std::exception_ptr) {});
    while (server.requests().empty()) {
      REQUIRE(context.run_one_for(std::chrono::seconds(20)) != 0);
    }
  }
  CHECK(ended);
  for (const auto* name : {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}) {
    ::unsetenv(name);
  }
}
