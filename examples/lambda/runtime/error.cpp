#include "error.hpp"

#include <cxxabi.h>

#include <cctype>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <typeinfo>

namespace lambda {
namespace {

/// The class's own name: no namespaces, no template arguments.
std::string_view unqualified(std::string_view name) {
  const auto arguments = name.find('<');
  // "(anonymous namespace)::" holds no '<', so the first one opens the argument list of the class
  // or of a class around it; the latter is named well enough by the outer one.
  if (arguments != std::string_view::npos) name = name.substr(0, arguments);
  const auto colons = name.rfind("::");
  return colons == std::string_view::npos ? name : name.substr(colons + 2);
}

std::string demangled(const std::type_info& type) {
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };
  int status = 0;
  const std::unique_ptr<char, Free> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status));
  return status == 0 && text != nullptr ? std::string(text.get()) : std::string(type.name());
}

}  // namespace

std::string function_error_type(std::string_view name) {
  std::string letters;
  bool capital = true;
  for (const char c : unqualified(name)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalpha(byte) == 0) {
      capital = true;
      continue;
    }
    letters += capital ? static_cast<char>(std::toupper(byte)) : c;
    capital = false;
  }
  return "Function." + (letters.size() < 2 ? std::string("Unknown") : letters);
}

std::string ErrorReport::body() const {
  const nlohmann::json body = {
      {"errorMessage", message}, {"errorType", type}, {"stackTrace", nlohmann::json::array()}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ErrorReport describe(std::exception_ptr error) {
  try {
    std::rethrow_exception(std::move(error));
  } catch (const HandlerError& e) {
    return {e.error_type(), e.what()};
  } catch (const std::exception& e) {
    return {function_error_type(demangled(typeid(e))), e.what()};
  } catch (...) {
    return {"Function.Unknown", "the handler threw something that is not a std::exception"};
  }
}

}  // namespace lambda
