/// SHA-256 and HMAC-SHA-256, and MD5 for what S3 calls ETags, by OpenSSL.
///
/// **Runs on**: the calling thread; about 2 ms per MiB where the processor has no instructions for
/// it. **Thread safety**: any thread.
#pragma once

#include <string>
#include <string_view>

namespace lambda::aws {

/// 32 bytes.
[[nodiscard]] std::string sha256(std::string_view bytes);

/// 16 bytes; no protection against anybody.
[[nodiscard]] std::string md5(std::string_view bytes);

/// 32 bytes.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view bytes);

/// Two lower-case digits per byte.
[[nodiscard]] std::string hex(std::string_view bytes);

[[nodiscard]] inline std::string sha256_hex(std::string_view bytes) {
  return hex(sha256(bytes));
}

}  // namespace lambda::aws
