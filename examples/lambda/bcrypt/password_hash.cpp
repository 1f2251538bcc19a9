#include "bcrypt/password_hash.hpp"

#include <crypt.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "runtime/error.hpp"

namespace lambda::bcrypt {
namespace {

constexpr std::size_t salt_bytes = 16;

[[noreturn]] void fail(const std::string& what, int error) {
  throw HandlerError{"HashFailed", what + ": " + std::generic_category().message(error)};
}

std::string new_setting(int cost) {
  std::array<char, salt_bytes> random{};
  // Up to 256 bytes come whole and uninterrupted once the kernel's generator is seeded.
  while (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    if (errno != EINTR) fail("no random bytes for a salt", errno);
  }
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  if (::crypt_gensalt_rn("$2b$", static_cast<unsigned long>(cost), random.data(),
                         static_cast<int>(random.size()), setting.data(),
                         static_cast<int>(setting.size())) == nullptr) {
    fail("no bcrypt salt of cost " + std::to_string(cost), errno);
  }
  return setting.data();
}

}  // namespace

std::string hash_password(const std::string& password, int cost) {
  // On the heap: a worker's stack may be as small as 128 KiB, and there are other frames on it.
  static thread_local const auto data = std::make_unique<crypt_data>();
  const std::string setting = new_setting(cost);
  const char* const hash = ::crypt_r(password.c_str(), setting.c_str(), data.get());
  if (hash == nullptr || *hash == '*') fail("bcrypt of cost " + std::to_string(cost), errno);
  return hash;
}

}  // namespace lambda::bcrypt
