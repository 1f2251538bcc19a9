#include "csv_etl/arriving_aggregate.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <asio/error.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "lambda/csv/random_text.hpp"
#include "support/catch.hpp"

using namespace lambda::csv_etl;

namespace {

const std::string header = "Hospital,Diagnosis,Treatment,Recovery Time\n";

// Where nothing has arrived yet there is what would do most harm if it was looked at.
class ArrivingText {
 public:
  explicit ArrivingText(std::string text) : text_(std::move(text)), there_(text_.size(), '\0') {
    for (std::size_t i = 0; i < there_.size(); ++i) there_[i] = "\"\n,"[i % 3];
  }

  [[nodiscard]] std::string_view view() const { return there_; }
  [[nodiscard]] std::size_t arrived() const { return arrived_; }
  [[nodiscard]] bool complete() const { return arrived_ == text_.size(); }

  void arrive(std::size_t bytes) {
    const auto end = std::min(text_.size(), arrived_ + bytes);
    std::copy(text_.begin() + static_cast<std::ptrdiff_t>(arrived_),
              text_.begin() + static_cast<std::ptrdiff_t>(end),
              there_.begin() + static_cast<std::ptrdiff_t>(arrived_));
    arrived_ = end;
  }

 private:
  std::string text_;
  std::string there_;
  std::size_t arrived_ = 0;
};

struct Outcome {
  std::optional<Aggregate> result;
  std::string error;

  bool operator==(const Outcome&) const = default;
};

template <class Compute>
Outcome outcome_of(Compute&& compute) {
  try {
    return {compute(), {}};
  } catch (const InputError& error) {
    return {std::nullopt, error.what()};
  }
}

Outcome at_once(const std::string& text) {
  return outcome_of([&] { return aggregate(text); });
}

// In pieces of up to `most` bytes, of which not each is told of.
Outcome in_pieces(const std::string& text, std::mt19937& random, std::size_t most,
                  std::atomic<std::uint64_t>* bytes_done = nullptr) {
  ArrivingText arriving{text};
  return outcome_of([&] {
    ArrivingAggregate rows{arriving.view(), bytes_done};
    while (!arriving.complete()) {
      arriving.arrive(1 + random() % most);
      if (random() % 4 != 0) rows.add(arriving.arrived());
    }
    return rows.finish();
  });
}

}  // namespace

TEST_CASE("arriving aggregate: the same result as of the whole text, however it arrives") {
  std::mt19937 random{7};
  for (int round = 0; round < 150; ++round) {
    const test::Shape shape{{3, 1, 2, 0}, 5, round % 2 == 0 ? 3U : 60U, 20, round % 3 == 0};
    auto text = test::random_text(random, shape, random() % 400);
    if (round % 5 != 0) std::erase(text, '"');
    if (round % 7 == 0) text.insert(0, "\xEF\xBB\xBF");
    const auto expected = at_once(text);
    for (const std::size_t most : {std::size_t{1}, std::size_t{100}, std::size_t{20'000}}) {
      INFO("round " << round << ", pieces of up to " << most << " bytes");
      REQUIRE(in_pieces(text, random, most) == expected);
    }
  }
}

TEST_CASE("arriving aggregate: quotes that begin in a later piece") {
  std::mt19937 random{8};
  std::string text = header;
  while (text.size() < 200'000) text += "Mercy,Flu,Rest,10\n";
  text += "\"Mercy\n";
  for (int i = 0; i < 100; ++i) text += "Grace,Cold,Tea,1\n";
  text += "\",Flu,Rest,20\n";
  const auto expected = at_once(text);
  REQUIRE(expected.result);
  CHECK(expected.result->groups.size() == 2);
  CHECK(in_pieces(text, random, 50) == expected);
  CHECK(in_pieces(text, random, 30'000) == expected);
}

TEST_CASE("arriving aggregate: a header that is wrong, quoted, cut or missing") {
  std::mt19937 random{9};
  for (const std::string text :
       {"", "\n", "Hospital", "Hospital,Diagnosis,Treatment,Recovery Time", "a,b\nc,d\n",
        "\"Hospital\n\",Diagnosis,Treatment,Recovery Time\nM,F,a,1\n",
        "\"Hospital\",Diagnosis,Treatment,\"Recovery Time\"\nM,F,a,1\n", "\xEF\xBB\xBF",
        "\xEF\xBB"}) {
    INFO(text);
    CHECK(in_pieces(text, random, 3) == at_once(text));
  }
}

TEST_CASE("arriving aggregate: bytes are counted as they are computed, each once") {
  std::mt19937 random{10};
  std::string text = header;
  for (int i = 0; i < 1000; ++i) text += "Mercy,Flu,Rest,10\n";
  std::atomic<std::uint64_t> done{0};
  CHECK(in_pieces(text, random, 700, &done).result);
  CHECK(done == text.size());

  done = 0;
  ArrivingAggregate rows{text, &done};
  rows.add(header.size() + 18 + 5);
  CHECK(done == header.size() + 18);
  CHECK(rows.finish().rows == 1000);
}

TEST_CASE("arriving aggregate: what has not arrived isn't looked at") {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::string text = header;
  while (text.size() < 8 * page) text += "Mercy,Flu,Rest,10\n";
  text.resize(8 * page);
  // A look at a page that isn't there yet ends the process.
  void* const memory = ::mmap(nullptr, text.size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto* const bytes = static_cast<char*>(memory);
  const auto expected = at_once(text);
  ArrivingAggregate rows{{bytes, text.size()}};
  for (std::size_t arrived = 0; arrived < text.size(); arrived += page) {
    REQUIRE(::mprotect(bytes + arrived, page, PROT_READ | PROT_WRITE) == 0);
    std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(arrived), page, bytes + arrived);
    rows.add(arrived + page);
  }
  CHECK(rows.finish() == expected.result);
  ::munmap(memory, text.size());
}

TEST_CASE("arriving aggregate: a stopped one computes nothing more") {
  std::stop_source stop;
  stop.request_stop();
  const std::string text = header + "Mercy,Flu,Rest,10\n";
  std::atomic<std::uint64_t> done{0};
  ArrivingAggregate rows{text, &done};
  try {
    rows.add(text.size(), stop.get_token());
    FAIL("it went on");
  } catch (const std::system_error& error) {
    CHECK(error.code() == asio::error::operation_aborted);
  }
  CHECK(done == header.size());
}
