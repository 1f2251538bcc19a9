/// What the caller asks for: the event, with the environment for what it leaves out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "event/fields.hpp"
#include "image_filter/filter_job.hpp"
#include "runtime/context.hpp"

namespace lambda::image_filter {

struct Request {
  std::vector<FilterJob> jobs;
  bool is_notification = false;  ///< Of S3's; the reply is then a list.
};

[[nodiscard]] std::string_view name_of(FilterKind kind);

/// `{"input": LOCATION, "output": LOCATION, "filter": NAME, "sigma": 0.3 .. 50, "amount": 0 .. 10}`
/// or an S3 notification, whose images go to `s3://{IMAGE_FILTER_OUTPUT_BUCKET}/processed/{key}`.
///
/// What is left out comes from `IMAGE_FILTER_INPUT`, `IMAGE_FILTER_OUTPUT`, `IMAGE_FILTER_FILTER`,
/// `IMAGE_FILTER_SIGMA` and `IMAGE_FILTER_AMOUNT`; sigma and amount are 1 otherwise. An event may
/// have `sigma` and `amount` only for a filter that looks at them.
/// `IMAGE_FILTER_MAX_PIXELS` (50000000) and `IMAGE_FILTER_MAX_BYTES` (104857600) set the limits.
///
/// Throws HandlerError `InvalidEvent`, or `InvalidConfiguration` for a variable, one line.
[[nodiscard]] Request parse_request(const Event& event, const event::Environment& environment);

}  // namespace lambda::image_filter
