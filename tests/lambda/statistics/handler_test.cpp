#include "statistics/handler.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <functional>
#include <random>
#include <string>
#include <system_error>
#include <utility>

#include "lambda/support/files.hpp"
#include "lambda/support/reported.hpp"
#include "runtime/runtime.hpp"
#include "support/catch.hpp"

using nlohmann::json;

namespace {

json invoke(json event, int threads = 2) {
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = threads}};
  return test::run(lambda::statistics::handle(std::move(event), {}, pool));
}

// Points with 1 to `most` values each.
json random_event(unsigned seed, const std::string& algorithm, int points, int most) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<double> value{-1000, 1000};
  json data = json::array();
  for (int i = 0; i < points; ++i) {
    json values = json::array();
    const auto size = 1 + random() % static_cast<unsigned>(most);
    for (unsigned v = 0; v < size; ++v) values.push_back(value(random));
    data.push_back({{"values", std::move(values)}, {"metadata", "point " + std::to_string(i)}});
  }
  return {{"data", std::move(data)}, {"algorithm", algorithm}};
}

// Exit status and output of check_statistics.py, which shares no code with the handler.
std::pair<int, std::string> check(const json& event, const json& reply) {
  const test::TemporaryDirectory directory;
  const auto event_file = directory.write("event.json", event.dump());
  const auto reply_file = directory.write("reply.json", reply.dump());
  const auto output = directory.file("output.txt");
  const std::string command = std::string{"'"} + PYTHON + "' -B '" + CHECK_STATISTICS + "' '" +
                              event_file + "' '" + reply_file + "' > '" + output + "' 2>&1";
  const int status = std::system(command.c_str());
  return {WEXITSTATUS(status), test::read(output)};
}

}  // namespace

TEST_CASE("statistics handler: the reply is as promised") {
  const auto reply = invoke(json::parse(
      R"({"data": [{"values": [1, 3], "metadata": "a"}, {"values": [0, 20]}, {"values": [5]}],
          "algorithm": "standard"})"));
  CHECK(reply == json{{"processed",
                       {{{"result", std::sqrt(2.0)}, {"classification", "medium"}},
                        {{"result", std::sqrt(200.0)}, {"classification", "high"}},
                        {{"result", 0.0}, {"classification", "medium"}}}},
                      {"stats",
                       {{"count", 3},
                        {"mean", reply["stats"]["mean"]},
                        {"std_dev", reply["stats"]["std_dev"]}}}});
}

TEST_CASE("statistics handler: the report counts the points") {
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = 1}};
  const auto context = test::reporting_context();
  static_cast<void>(
      test::run(lambda::statistics::handle(random_event(1, "standard", 7, 3), context, pool)));
  CHECK(*context.report_fields == json{{"items", 7}});
}

TEST_CASE("statistics handler: the independent calculation agrees on random points") {
  for (const auto* algorithm : {"standard", "advanced"}) {
    for (const unsigned seed : {1U, 2U, 3U}) {
      const auto event = random_event(seed, algorithm, 100, 20);
      const auto reply = invoke(event);
      const auto [status, output] = check(event, reply);
      CHECK(output == "100 points, 0 differences\n");
      CHECK(status == 0);
    }
  }
}

TEST_CASE("statistics handler: the independent calculation would see a last bit") {
  const auto event = random_event(4, "standard", 5, 20);
  auto reply = invoke(event);
  const double result = reply["processed"][2]["result"];
  reply["processed"][2]["result"] = std::nextafter(result, 2 * result);
  CHECK(check(event, reply).first == 1);
}

TEST_CASE("statistics handler: ten megabytes of points") {
  std::string text = R"({"algorithm": "standard", "data": [)";
  std::size_t points = 0;
  for (; text.size() < 10'000'000; ++points) {
    text += points == 0 ? "{\"values\": [" : ",{\"values\": [";
    for (int i = 0; i < 100; ++i) text += (i == 0 ? "" : ",") + std::to_string(i) + ".25";
    text += "], \"metadata\": \"m\"}";
  }
  text += "]}";
  const auto reply = invoke(lambda::parse_event(text));
  CHECK(reply["stats"]["count"] == points);
  CHECK(reply["processed"].size() == points);
  // The whole numbers 0 to 99, shifted: 100 * (100^2 - 1) / 12 squared distances in all.
  CHECK(reply["stats"]["mean"].get<double>() == Approx(std::sqrt(83325.0)));
  CHECK(reply["stats"]["std_dev"].get<double>() == Approx(0).margin(1e-6));
}

TEST_CASE("statistics handler: numbers beyond all range don't get in") {
  CHECK_THROWS_WITH(
      lambda::parse_event(R"({"data": [{"values": [1e999]}], "algorithm": "standard"})"),
      Catch::Contains("number overflow"));
  for (const auto* text : {"NaN", "Infinity", "-Infinity"}) {
    CHECK_THROWS(lambda::parse_event(std::string{"{\"data\": [{\"values\": ["} + text + "]}]}"));
  }
}

TEST_CASE("statistics handler: a cancelled invocation ends between points") {
  asio::io_context context{1};
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = 2}};
  asio::cancellation_signal cancel;
  std::error_code result;
  // Ten seconds of work and more if it is not cancelled: ten billion additions in a row.
  json event = {{"algorithm", "advanced"}, {"data", json::array()}};
  for (int i = 0; i < 10'000; ++i) {
    event["data"].push_back({{"values", std::vector<double>(1000, 1.0)}});
  }
  asio::co_spawn(context, lambda::statistics::handle(std::move(event), {}, pool),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr error, json) {
                   try {
                     if (error != nullptr) std::rethrow_exception(error);
                   } catch (const std::system_error& e) {
                     result = e.code();
                   }
                 }));
  // Once the job has begun.
  const std::function<void()> look = [&] {
    if (pool.metrics().started == 0) return asio::post(context, look);
    cancel.emit(asio::cancellation_type::terminal);
  };
  asio::post(context, look);
  context.run();
  CHECK(result == asio::error::operation_aborted);
}
