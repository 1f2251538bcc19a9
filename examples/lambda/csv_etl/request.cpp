#include "csv_etl/request.hpp"

#include <string>

#include "event/s3_notification.hpp"

namespace lambda::csv_etl {
namespace {

constexpr auto output_variable = "CSV_ETL_OUTPUT";

}  // namespace

Request parse_request(const Event& event, const event::Environment& environment) {
  if (event::is_s3_notification(event)) {
    const auto objects = event::notified_objects(event);
    // The items of a second file would replace those of the first: the request id is their key.
    if (objects.size() != 1) {
      event::refuse("\"Records\" must be an array of one record, not of " +
                    std::to_string(objects.size()));
    }
    // S3 knows of no table.
    const Event nothing = Event::object();
    return {"s3://" + objects.front().bucket + '/' + objects.front().key,
            event::location(nothing, "output", {"dynamodb"}, output_variable, environment),
            OnBadRow::skip};
  }
  event::allow_only(event, {"input", "output", "on_bad_row"});
  const auto on_bad_row = event::choice(event, "on_bad_row", {"skip", "fail"}, 0);
  return {event::location(event, "input", {"s3"}, "CSV_ETL_INPUT", environment),
          event::location(event, "output", {"dynamodb"}, output_variable, environment),
          on_bad_row == 0 ? OnBadRow::skip : OnBadRow::fail};
}

}  // namespace lambda::csv_etl
