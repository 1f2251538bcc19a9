// The three phases over a source and a sink in memory: what S3 and DynamoDB will stand in for.
#include "csv_etl/etl.hpp"

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <millrace/compute_pool.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "io/error.hpp"
#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using namespace lambda;
using namespace lambda::csv_etl;

namespace {

const std::string header = "Hospital,Diagnosis,Treatment,Recovery Time\n";

struct MemorySource final : io::ObjectSource {
  std::string text;
  asio::awaitable<io::Bytes> get(std::string location) override {
    if (location != "there") throw io::Error{location + ": not there"};
    io::Bytes bytes{text.size()};
    std::copy(text.begin(), text.end(), bytes.data());
    co_return bytes;
  }
};

// A text that arrives in four pieces, the next one when the one before has been given to the pool.
struct ArrivingSource final : io::ObjectSource {
  std::string text;
  std::function<std::uint64_t()> jobs_begun;
  bool breaks_off = false;
  std::size_t told = 0;

  asio::awaitable<io::Bytes> get(std::string location) override {
    throw io::Error{location + ": is there in pieces only"};
  }

  asio::awaitable<void> get_arriving(std::string location, OnArrival on_arrival) override {
    io::Bytes bytes{text.size()};
    std::copy(text.begin(), text.end(), bytes.data());
    const auto object = std::make_shared<const io::Bytes>(std::move(bytes));
    for (std::size_t piece = 1; piece <= 4; ++piece) {
      const auto before = jobs_begun();
      told = text.size() * piece / 4;
      on_arrival(object, told);
      if (breaks_off && piece == 3) throw io::Error{location + ": broke off"};
      while (piece < 4 && jobs_begun() == before) co_await asio::post(asio::use_awaitable);
    }
  }
};

struct MemorySink final : io::ItemSink {
  std::vector<io::Item> items;
  bool fails = false;
  int calls = 0;
  std::thread::id thread;
  asio::awaitable<io::WriteReport> put(std::span<const io::Item> given) override {
    ++calls;
    thread = std::this_thread::get_id();
    if (fails) throw io::Error{"table: no capacity"};
    items.assign(given.begin(), given.end());
    co_return io::WriteReport{items.size()};
  }
};

struct Bench {
  MemorySource source;
  MemorySink sink;
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = 2}};

  EtlReport run(EtlJob job = {"there", "request-1", OnBadRow::skip}) {
    return test::run(run_etl(source, sink, std::move(job), pool));
  }

  // "Type: message"
  std::string error(EtlJob job = {"there", "request-1", OnBadRow::skip}) {
    try {
      run(std::move(job));
    } catch (const HandlerError& failure) {
      return failure.error_type() + ": " + failure.what();
    }
    return {};
  }
};

}  // namespace

TEST_CASE("etl: an item per group, with the attributes of the DynamoDB table") {
  Bench bench;
  bench.source.text = header + "Mercy,Flu,Rest,10\nMercy,Flu,Pills,13\nMercy,Flu,Pills,12\nbad\n";
  const auto report = bench.run();
  CHECK(report.rows == 3);
  CHECK(report.groups == 1);
  CHECK(report.bad_rows == 1);
  CHECK(report.bad_row_samples.size() == 1);
  CHECK(report.input_bytes == bench.source.text.size());
  CHECK(report.items_written == 1);
  CHECK(bench.sink.thread == std::this_thread::get_id());

  REQUIRE(bench.sink.items.size() == 1);
  std::vector<std::string> attributes;
  for (const auto& attribute : bench.sink.items[0]) {
    const char type = attribute.type == io::AttributeType::number ? 'N' : 'S';
    attributes.push_back(attribute.name + ' ' + type + ' ' + attribute.text);
  }
  CHECK(attributes ==
        std::vector<std::string>{"PK S request-1", "SK S #diagnosis#Flu#hospital#Mercy",
                                 "Diagnosis S Flu", "Hospital S Mercy", "MostUsedTreatment S Pills",
                                 "AverageRecoveryTime N 11.666666666666666"});
}

TEST_CASE("etl: a file of a header alone is an empty result, an empty file is an error") {
  Bench bench;
  bench.source.text = header;
  const auto report = bench.run();
  CHECK(report.rows == 0);
  CHECK(report.groups == 0);
  CHECK(report.items_written == 0);
  CHECK(bench.sink.calls == 1);
  bench.source.text.clear();
  CHECK(bench.error() ==
        "Function.InvalidInput: the input is empty; it needs a header row with the columns "
        "Hospital,Diagnosis,Treatment,Recovery Time");
}

TEST_CASE("etl: on_bad_row fail names the first bad line of the file and writes nothing") {
  Bench bench;
  bench.source.text = header + "M,F,a,1\nM,F,a,x1\nM,F,a,2\nM,F\n";
  CHECK(bench.error({"there", "r", OnBadRow::fail}) ==
        "Function.BadRow: line 3: Recovery Time is not a decimal number: x1");
  CHECK(bench.sink.calls == 0);
  bench.source.text = header + "M,F,a,1\n";
  CHECK(bench.run({"there", "r", OnBadRow::fail}).items_written == 1);
}

TEST_CASE("etl: errors of source and sink reach the caller, and the next job works") {
  Bench bench;
  bench.source.text = header + "M,F,a,1\n";
  CHECK(bench.error({"elsewhere", "r", OnBadRow::skip}) ==
        "Function.InputUnavailable: elsewhere: not there");
  bench.sink.fails = true;
  CHECK(bench.error() == "Function.OutputUnavailable: table: no capacity");
  bench.sink.fails = false;
  CHECK(bench.run().items_written == 1);
}

TEST_CASE("etl: two groups with one sort key are an error, not one lost") {
  Bench bench;
  bench.source.text = header + "c,a#hospital#b,T,1\nb#hospital#c,a,T,2\n";
  CHECK(bench.error() ==
        "Function.AmbiguousKey: two groups have the same sort key "
        "#diagnosis#a#hospital#b#hospital#c");
  CHECK(bench.sink.calls == 0);
}

TEST_CASE("etl: computes what has arrived while the rest is under way") {
  Bench bench;
  ArrivingSource source;
  source.text = header;
  for (int i = 0; i < 1000; ++i) source.text += "Mercy,Flu,Rest,10\n";
  // The loop goes on with the download only when a job has begun in between.
  source.jobs_begun = [&] { return bench.pool.metrics().started; };
  const auto report = test::run(
      run_etl(source, bench.sink, EtlJob{"there", "request-1", OnBadRow::skip}, bench.pool));
  CHECK(report.rows == 1000);
  CHECK(report.input_bytes == source.text.size());
  CHECK(report.items_written == 1);
  CHECK(bench.pool.metrics().started >= 4);
}

TEST_CASE("etl: an input that breaks off is an error, and nothing is written") {
  Bench bench;
  ArrivingSource source;
  source.text = header + "Mercy,Flu,Rest,10\nMercy,Flu,Rest,11\nMercy,Flu,Rest,12\n";
  source.jobs_begun = [&] { return bench.pool.metrics().started; };
  source.breaks_off = true;
  try {
    static_cast<void>(test::run(
        run_etl(source, bench.sink, EtlJob{"there", "request-1", OnBadRow::skip}, bench.pool)));
    FAIL("it went on");
  } catch (const HandlerError& error) {
    CHECK(error.error_type() == "Function.InputUnavailable");
    CHECK(std::string_view{error.what()} == "there: broke off");
  }
  CHECK(bench.sink.calls == 0);
}

TEST_CASE("etl: an input that can't be right ends the download") {
  Bench bench;
  ArrivingSource source;
  source.text = "no,columns,of,ours\n" + std::string(1000, 'x');
  source.jobs_begun = [&] { return bench.pool.metrics().started; };
  try {
    static_cast<void>(test::run(
        run_etl(source, bench.sink, EtlJob{"there", "request-1", OnBadRow::skip}, bench.pool)));
    FAIL("it went on");
  } catch (const HandlerError& error) {
    CHECK(error.error_type() == "Function.InvalidInput");
  }
  CHECK(source.told < source.text.size());
}

TEST_CASE("etl: cancelling it stops the computation that is under way") {
  Bench bench;
  bool stopped = false;
  // A text that is too short has been computed by the time that we get to cancel.
  for (std::size_t rows = 100'000; !stopped && rows < 10'000'000; rows *= 3) {
    bench.source.text = header;
    while (bench.source.text.size() < rows * 20) bench.source.text += "Mercy,Flu,Rest,10\n";
    const auto started = bench.pool.metrics().started;
    asio::io_context context{1};
    asio::cancellation_signal signal;
    EtlJob job{"there", "request-1", OnBadRow::skip};
    asio::co_spawn(context, run_etl(bench.source, bench.sink, std::move(job), bench.pool),
                   asio::bind_cancellation_slot(
                       signal.slot(), [&](std::exception_ptr error, const EtlReport&) {
                         // A job that had gone on to its end would not have failed.
                         stopped = error != nullptr && bench.pool.metrics().failed > 0;
                       }));
    while (bench.pool.metrics().started == started) context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
  }
  CHECK(stopped);
}
