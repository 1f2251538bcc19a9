#include "aws/digest.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

namespace lambda::aws {
namespace {

using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string as_text(const Digest& digest, unsigned size) {
  return {digest.begin(), digest.begin() + size};
}

std::string digest_of(std::string_view bytes, const EVP_MD* kind, const char* name) {
  Digest digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, kind, nullptr) != 1) {
    throw std::runtime_error(std::string{"OpenSSL can't calculate "} + name);
  }
  return as_text(digest, size);
}

}  // namespace

std::string sha256(std::string_view bytes) {
  return digest_of(bytes, EVP_sha256(), "SHA-256");
}

std::string md5(std::string_view bytes) {
  return digest_of(bytes, EVP_md5(), "MD5");
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  Digest digest{};
  unsigned size = 0;
  const auto* text = reinterpret_cast<const unsigned char*>(bytes.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), text, bytes.size(),
           digest.data(), &size) == nullptr) {
    throw std::runtime_error("OpenSSL can't calculate HMAC-SHA-256");
  }
  return as_text(digest, size);
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

}  // namespace lambda::aws
