#include "csv_etl/aggregate.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <asio/error.hpp>

#include <atomic>
#include <cstdint>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda::csv_etl;

namespace {

const std::string header = "Hospital,Diagnosis,Treatment,Recovery Time\n";

Aggregate of_rows(std::string_view rows) {
  return aggregate(header + std::string{rows});
}

std::string error_of(std::string_view text) {
  return test::message_of<InputError>([&] { return aggregate(text); });
}

void check_every_number_of_parts(const std::string& text) {
  const auto expected = aggregate(text, {.parts = 1});
  for (std::size_t parts = 2; parts <= text.size() + 2; ++parts) {
    INFO("parts: " << parts << "\ntext: " << text);
    REQUIRE(aggregate(text, {.parts = parts}) == expected);
  }
}

}  // namespace

TEST_CASE("aggregate: average and most used treatment per diagnosis and hospital") {
  const auto result = of_rows(
      "Mercy,Flu,Rest,10\n"
      "Mercy,Flu,Pills,13\n"
      "Mercy,Flu,Pills,12\n"
      "Mercy,Stroke,Surgery,60\n"
      "Grace,Flu,Rest,7\n");
  CHECK(result.rows == 5);
  CHECK(result.bad_rows == 0);
  REQUIRE(result.groups.size() == 3);
  CHECK(result.groups[0] == Group{"Flu", "Grace", 1, "7", "Rest"});
  CHECK(result.groups[1] == Group{"Flu", "Mercy", 3, "11.666666666666666", "Pills"});
  CHECK(result.groups[2] == Group{"Stroke", "Mercy", 1, "60", "Surgery"});
}

TEST_CASE("aggregate: columns are found by name, in any order, and others are ignored") {
  const auto result = aggregate(
      "Ward,Recovery Time,Treatment,Notes,Diagnosis,Hospital\n"
      "3,10,Rest,,Flu,Mercy\n");
  REQUIRE(result.groups.size() == 1);
  CHECK(result.groups[0] == Group{"Flu", "Mercy", 1, "10", "Rest"});
}

TEST_CASE("aggregate: the header may be quoted, follow a BOM or empty lines, and end with CRLF") {
  const std::string row = "Mercy,Flu,Rest,10";
  const auto expected = of_rows(row);
  REQUIRE(expected.groups.size() == 1);
  for (const auto* other : {"\xEF\xBB\xBFHospital,Diagnosis,Treatment,Recovery Time\n",
                            "\"Hospital\",\"Diagnosis\",Treatment,\"Recovery Time\"\r\n",
                            "\xEF\xBB\xBF\"Hospital\",Diagnosis,Treatment,Recovery Time\r\n",
                            "\n\r\nHospital,Diagnosis,Treatment,Recovery Time\n\n"}) {
    CAPTURE(other);
    CHECK(aggregate(other + row) == expected);
  }
}

TEST_CASE("aggregate: an empty file is a clear error") {
  const std::string expected =
      "the input is empty; it needs a header row with the columns "
      "Hospital,Diagnosis,Treatment,Recovery Time";
  CHECK(error_of("") == expected);
  CHECK(error_of("\n\r\n") == expected);
  CHECK(error_of("\xEF\xBB\xBF") == expected);
}

TEST_CASE("aggregate: a header alone gives no rows and no groups") {
  for (const auto* text : {"Hospital,Diagnosis,Treatment,Recovery Time",
                           "Hospital,Diagnosis,Treatment,Recovery Time\r\n\r\n"}) {
    const auto result = aggregate(text);
    CHECK(result.rows == 0);
    CHECK(result.groups.empty());
    CHECK(result.bad_rows == 0);
  }
}

TEST_CASE("aggregate: a header without a needed column, or with it twice, is named") {
  CHECK(error_of("Hospital,Diagnosis,Recovery Time\n") ==
        "column \"Treatment\" is missing from the header: Hospital,Diagnosis,Recovery Time");
  CHECK(
      error_of("hospital,Diagnosis,Treatment,Recovery Time\n").starts_with("column \"Hospital\""));
  CHECK(error_of("Hospital,Diagnosis,Treatment,Recovery Time,Hospital\n") ==
        "column \"Hospital\" is twice in the header: "
        "Hospital,Diagnosis,Treatment,Recovery Time,Hospital");
  CHECK(error_of("\"Hospital\"x,Diagnosis,Treatment,Recovery Time\n")
            .starts_with("the header has a quote out of place"));
  CHECK(error_of(std::string_view{"\xFF\xFEH\0o\0", 6}) ==
        "the input is UTF-16, but must be UTF-8");
}

TEST_CASE("aggregate: names are compared after unquoting") {
  const auto result = of_rows(
      "Mercy,Flu,Rest,10\n"
      "\"Mercy\",\"Flu\",\"Rest\",\"20\"\n"
      "\"St. \"\"M\"\"\",Flu,\"a \"\"b\"\"\",1\n"
      "\"St. \"\"M\"\"\",\"Flu\",\"a \"\"b\"\"\",2\n"
      "\"A, B\",\"Line\nbreak\",Rest,5\n");
  REQUIRE(result.groups.size() == 3);
  CHECK(result.groups[0] == Group{"Flu", "Mercy", 2, "15", "Rest"});
  CHECK(result.groups[1] == Group{"Flu", "St. \"M\"", 2, "1.5", "a \"b\""});
  CHECK(result.groups[2] == Group{"Line\nbreak", "A, B", 1, "5", "Rest"});
}

TEST_CASE("aggregate: names may be UTF-8, of any length, and differ in a single byte") {
  const std::string long_name(300, 'n');
  const auto result =
      of_rows("M\xC3\xBCnchen,Flu,Rest,1\nM\xC3\xB6nchen,Flu,Rest,2\n" + long_name +
              "1,Flu,Rest,3\n" + long_name + "2,Flu,Rest,4\nab,Flu,R,5\nba,Flu,R,6\n" +
              "abcdefgh,Flu,R,7\nabcdefgx,Flu,R,8\nabcdefghi,Flu,R,9\n");
  CHECK(result.bad_rows == 0);
  CHECK(result.groups.size() == 9);
}

TEST_CASE("aggregate: decimals add up exactly") {
  const auto result = of_rows("M,F,R,0.1\nM,F,R,0.2\nM,F,R,0.000001\nM,F,R,-0.000001\n");
  REQUIRE(result.groups.size() == 1);
  CHECK(result.groups[0].average_recovery_time == "0.075");
}

TEST_CASE("aggregate: sums beyond int64 neither wrap nor depend on the order of the rows") {
  const std::string big = "M,F,R,9223372036854.775807\n";
  const auto result = of_rows(big + big + big);
  CHECK(result.bad_rows == 0);
  REQUIRE(result.groups.size() == 1);
  CHECK(result.groups[0].average_recovery_time == "9223372036854.775");
  const auto cancelled = of_rows(big + big + "M,F,R,-9223372036854.775807\n" +
                                 "M,F,R,-9223372036854.775807\nM,F,R,5\n");
  REQUIRE(cancelled.groups.size() == 1);
  CHECK(cancelled.groups[0].average_recovery_time == "1");
}

TEST_CASE("aggregate: the treatment with the highest count wins, whichever came first") {
  const auto result = of_rows("M,F,a,1\nM,F,b,1\nM,F,b,1\n");
  REQUIRE(result.groups.size() == 1);
  CHECK(result.groups[0].most_used_treatment == "b");
}

TEST_CASE("aggregate: among equally frequent treatments the first in the group's rows wins") {
  // z is first in the group, a comes first in byte order and in another group's rows.
  const auto result = of_rows("M,G,a,1\nM,F,z,1\nM,F,a,1\nM,F,a,1\nM,F,z,1\nM,F,m,1\n");
  REQUIRE(result.groups.size() == 2);
  CHECK(result.groups[0].diagnosis == "F");
  CHECK(result.groups[0].most_used_treatment == "z");
}

TEST_CASE("aggregate: a bad row's treatment doesn't count as an appearance") {
  const auto result = of_rows("M,F,a,x\nM,F,b,1\nM,F,a,1\n");
  REQUIRE(result.groups.size() == 1);
  CHECK(result.groups[0].most_used_treatment == "b");
}

TEST_CASE("aggregate: no result depends on the number of parts") {
  check_every_number_of_parts(header + "M,F,z,1\nM,F,a,2\nN,F,a,0.5\nM,F,a,4\nM,F,z,5\nM,G,q,6");
  check_every_number_of_parts(
      "\xEF\xBB\xBF" + header +
      "\"M\nM\",F,\"z\"\"\n\",1\r\n\r\nM,\"F,\nF\",a,x\nM,F\n\"M\nM\",F,a,2\n\"M\nM\",F,a,1\n"
      "\"M\nM\",F,\"z\"\"\n\",3\nM,\"F,a,4\nM,F,\"a\"b,1\nM,F,\xC3,1\n\"M\",\"F\",\"a\",\"1\"\n");
}

TEST_CASE("aggregate: no result of random rows depends on the number of parts") {
  std::mt19937 random{42};
  const std::vector<std::string> names{"a",      "b",          "\"a\"", "\"a\nb\"", "\"a\"\"b\"",
                                       "\"b,\"", "\xC3\xBC",   "",      "a\"b",     "\"a",
                                       "\"a\"x", "\"a\r\nb\"", "\xFF"};
  const std::vector<std::string> times{"1", "2.5", "x", "", "-3", "\"7\"", "1e3", "0.1234567"};
  // Mostly good rows: else hardly a group has more than one.
  const auto pick = [&](const std::vector<std::string>& from, unsigned good) {
    return from[random() % 8 != 0 ? random() % good : random() % from.size()];
  };
  for (int i = 0; i < 60; ++i) {
    std::string text = header;
    for (auto rows = random() % 25; rows > 0; --rows) {
      text += pick(names, 2) + ',' + pick(names, 2) + ',' + pick(names, 6) + ',' + pick(times, 2);
      text += random() % 4 != 0 ? "\n" : "\r\n";
    }
    check_every_number_of_parts(text);
  }
}

TEST_CASE("aggregate: no result depends on the number of workers") {
  std::string text = header;
  std::mt19937 random{5};
  for (int i = 0; i < 20'000; ++i) {
    text += "H" + std::to_string(random() % 7) + ",D" + std::to_string(random() % 7) + ",T" +
            std::to_string(random() % 40) + ',' + std::to_string(random() % 100) + ".5\n";
  }
  const tbb::global_control threads{tbb::global_control::max_allowed_parallelism, 5};
  const auto expected = aggregate(text, {.parts = 1});
  for (const int workers : {1, 2, 4}) {
    tbb::task_arena arena{workers};
    CHECK(arena.execute([&] { return aggregate(text, {.parts = 97}); }) == expected);
  }
}

TEST_CASE("aggregate: the progress counts up to the size of the input") {
  for (const auto* start : {"", "\xEF\xBB\xBF"}) {
    const auto text = start + header + "M,F,a,1\nM,F,\"a\n\",2\nbad\n";
    std::atomic<std::uint64_t> bytes_done{0};
    static_cast<void>(aggregate(text, {.parts = 5, .bytes_done = &bytes_done}));
    CHECK(bytes_done == text.size());
  }
}

TEST_CASE("aggregate: once it is told to stop it begins no further part") {
  std::stop_source source;
  source.request_stop();
  std::atomic<std::uint64_t> done{0};
  const auto parts = GENERATE(std::size_t{1}, std::size_t{7});
  AggregateOptions options{.parts = parts, .bytes_done = &done};
  options.stop = source.get_token();
  try {
    static_cast<void>(aggregate(header + "Mercy,Flu,Rest,10\n", options));
    FAIL("it went on");
  } catch (const std::system_error& error) {
    CHECK(error.code() == asio::error::operation_aborted);
  }
  CHECK(done == header.size());
}
