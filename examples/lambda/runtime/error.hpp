#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace lambda {

/// `Function.<Name>` from any name: a C++ class (`std::invalid_argument` gives
/// `Function.InvalidArgument`, `(anonymous namespace)::Bad2<int>` gives `Function.Bad`) or a word.
///
/// The Runtime API takes only `(Runtime|Function)\.[A-Z][a-zA-Z]+` for an error type, so whatever
/// isn't a letter is dropped and starts a new capital; a name that is left with fewer than two
/// letters becomes `Function.Unknown`.
///
/// **Thread safety**: any thread.
[[nodiscard]] std::string function_error_type(std::string_view name);

/// An error with which a handler tells the caller what went wrong, under a name of its own.
///
/// `throw HandlerError("InvalidInput", "column 4 is missing")` reaches the caller as
/// `{"errorType": "Function.InvalidInput", "errorMessage": "column 4 is missing"}`. Any other
/// exception is reported under the name of its class.
class HandlerError : public std::runtime_error {
 public:
  /// `type` is CamelCase letters, without the `Function.`; see `function_error_type`.
  HandlerError(std::string_view type, const std::string& message)
      : std::runtime_error(message), error_type_(function_error_type(type)) {}

  /// `Function.<Type>`.
  [[nodiscard]] const std::string& error_type() const noexcept { return error_type_; }

 private:
  std::string error_type_;
};

/// What the caller of the function is told about a failure.
struct ErrorReport {
  std::string type;  ///< Matches `(Runtime|Function)\.[A-Z][a-zA-Z]+`.
  std::string message;

  /// `{"errorMessage", "errorType", "stackTrace": []}`; bytes that aren't UTF-8 are replaced.
  [[nodiscard]] std::string body() const;
};

/// The report for an exception that left a handler: `HandlerError` under its own type, another
/// `std::exception` under its class's name, anything else as `Function.Unknown`.
[[nodiscard]] ErrorReport describe(std::exception_ptr error);

}  // namespace lambda
