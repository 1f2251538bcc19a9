/// bcrypt of one password, by libxcrypt.
#pragma once

#include <string>

namespace lambda::bcrypt {

/// `2^default_cost` rounds: about 50 ms on one CPU.
inline constexpr int default_cost = 10;

/// The `$2b$` hash of a password, with a new random salt; 60 characters.
///
/// `cost` is 4 to 31. A password's bytes after the 72nd don't count, nor does what follows a NUL:
/// that is bcrypt. Throws HandlerError "HashFailed".
///
/// **Runs on**: the calling thread, for its whole time. **Thread safety**: any thread; each keeps
/// the 32 KiB that libxcrypt works in.
[[nodiscard]] std::string hash_password(const std::string& password, int cost);

}  // namespace lambda::bcrypt
