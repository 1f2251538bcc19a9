#include "bcrypt/password_hash.hpp"

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "bcrypt/batch.hpp"
#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using namespace lambda::bcrypt;

namespace {

// Exit status and output of check_hashes.py, which shares no code with libxcrypt.
std::pair<int, std::string> check_hashes(const std::string& lines) {
  const test::TemporaryDirectory directory;
  const auto input = directory.write("hashes.txt", lines);
  const auto output = directory.file("output.txt");
  const std::string command = std::string{"'"} + BCRYPT_PYTHON + "' -B '" + CHECK_HASHES + "' < '" +
                              input + "' > '" + output + "' 2>&1";
  const int status = std::system(command.c_str());
  return {WEXITSTATUS(status), test::read(output)};
}

}  // namespace

TEST_CASE("password hash: another implementation agrees with every hash of a batch") {
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = 2}};
  HashItem hash_item = [](std::size_t i) { return hash_password(password(i), default_cost); };
  const auto batch = test::run(hash_batch(6, Mode::parallel, std::move(hash_item), pool));
  std::string lines;
  for (std::size_t i = 0; i < batch.hashes.size(); ++i) {
    lines += "password_00000" + std::to_string(i) + " " + batch.hashes[i] + "\n";
    CHECK(batch.hashes[i].starts_with("$2b$10$"));
    CHECK(batch.hashes[i].size() == 60);
  }
  CHECK(check_hashes(lines) == std::pair{0, std::string{"6 of 6 hashes right\n"}});
  // That it would say so.
  CHECK(check_hashes("password_000001 " + batch.hashes[0] + "\n") ==
        std::pair{1, std::string{"0 of 1 hashes right\n"}});
}

TEST_CASE("password hash: another implementation agrees with every cost") {
  std::string lines;
  for (int cost = 4; cost <= 11; ++cost) lines += "secret " + hash_password("secret", cost) + "\n";
  CHECK(check_hashes(lines) == std::pair{0, std::string{"8 of 8 hashes right\n"}});
}

TEST_CASE("password hash: each has a salt of its own") {
  std::set<std::string> salts;
  for (int i = 0; i < 50; ++i) salts.insert(hash_password("same", 4).substr(7, 22));
  CHECK(salts.size() == 50);
}

TEST_CASE("password hash: a cost that bcrypt doesn't have is an error") {
  const auto error_of = [](int cost) {
    return test::message_of<lambda::HandlerError>([&] { return hash_password("secret", cost); });
  };
  CHECK(error_of(3) == "no bcrypt salt of cost 3: Invalid argument");
  CHECK(error_of(32) == "no bcrypt salt of cost 32: Invalid argument");
}
