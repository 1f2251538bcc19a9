#include "data/medical_records.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "csv_etl/aggregate.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda;

namespace {

std::string records(std::uint64_t seed, int rows) {
  std::string csv{data::medical_records_header};
  data::MedicalRecords generator{seed};
  for (int row = 0; row < rows; ++row) generator.append_row(csv);
  return csv;
}

// FNV-1a, 64 bits.
std::uint64_t fingerprint(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

// Exit status and standard error of generate-medical-records.
std::pair<int, std::string> generate(const test::TemporaryDirectory& directory,
                                     const std::string& arguments) {
  const auto errors = directory.file("stderr");
  const int status = std::system(
      (std::string{GENERATE_MEDICAL_RECORDS} + ' ' + arguments + " 2> " + errors).c_str());
  return {WEXITSTATUS(status), test::read(errors)};
}

}  // namespace

TEST_CASE("SplitMix64: the published sequence for seed 1234567") {
  data::SplitMix64 random{1234567};
  for (const std::uint64_t expected :
       {6457827717110365317U, 3203168211198807973U, 9817491932198370423U, 4593380528125082431U}) {
    CHECK(random.next() == expected);
  }
}

TEST_CASE("SplitMix64: draws stay below the bound and reach all of it about equally often") {
  data::SplitMix64 random{1};
  std::array<int, 20> counts{};
  for (int i = 0; i < 200'000; ++i) ++counts.at(random.below(20));
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  CHECK(*least > 9'500);
  CHECK(*most < 10'500);
}

TEST_CASE("medical records: the same bytes for the same seed, on every machine") {
  CHECK(fingerprint(records(1, 10'000)) == 0xFFB9A0D61173938E);
  CHECK(fingerprint(records(2, 10'000)) != fingerprint(records(1, 10'000)));
}

TEST_CASE("medical records: 20 hospitals x 20 diagnoses, about 48 bytes a row, no bad row") {
  const auto csv = records(1, 100'000);
  const auto result = csv_etl::aggregate(csv);
  CHECK(result.rows == 100'000);
  CHECK(result.bad_rows == 0);
  CHECK(result.groups.size() == 400);
  CHECK(csv.size() > 47 * 100'000);
  CHECK(csv.size() < 49 * 100'000);
}

TEST_CASE("generate-medical-records: writes what the library generates") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.csv");
  CHECK(generate(directory, "--rows 30000 --seed 7 --output " + path).first == 0);
  CHECK(test::read(path) == records(7, 30'000));
  CHECK(generate(directory, "--rows 0 --output " + path).first == 0);
  CHECK(test::read(path) == data::medical_records_header);
}

TEST_CASE("generate-medical-records: bad arguments are named, and nothing is written") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.csv");
  const auto refused = [&](const std::string& arguments, const std::string& message) {
    const auto [status, errors] = generate(directory, arguments);
    CHECK(status == 2);
    CHECK(errors.starts_with("generate-medical-records: " + message + '\n'));
    CHECK_FALSE(std::filesystem::exists(path));
  };
  refused("--output " + path, "--rows is missing");
  refused("--rows 5", "--output is missing");
  refused("--rows", "--rows needs a value");
  refused("--rows 5 --output " + path + " --sed 1", "unknown argument \"--sed\"");
  for (const auto* rows : {"x", "-1", "1.5", "1e6", "18446744073709551616", "''"}) {
    const auto [status, errors] = generate(directory, std::string{"--output o --rows "} + rows);
    CHECK(status == 2);
    CHECK(errors.find("--rows must be a whole number") != std::string::npos);
  }
}

TEST_CASE("generate-medical-records: an unwritable path is named, and no part of a file stays") {
  const test::TemporaryDirectory directory;
  const auto nowhere = directory.file("nowhere/out.csv");
  const auto [status, errors] = generate(directory, "--rows 5 --output " + nowhere);
  CHECK(status == 1);
  CHECK(errors == "generate-medical-records: " + nowhere + ": No such file or directory\n");
  std::filesystem::create_directory(directory.file("directory"));
  CHECK(generate(directory, "--rows 5 --output " + directory.file("directory")).first == 1);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{directory.file("")}) {
    files += entry.is_regular_file() ? 1U : 0U;
  }
  CHECK(files == 1);  // stderr
}
