// A context that keeps what a handler wants said in its invocation's report.
#pragma once

#include <memory>

#include "runtime/context.hpp"

namespace test {

inline lambda::Context reporting_context() {
  lambda::Context context;
  context.request_id = "request-1";
  context.report_fields = std::make_shared<nlohmann::json>(nlohmann::json::object());
  return context;
}

}  // namespace test
