#include "csv_etl/request.hpp"

namespace lambda::csv_etl {

Request parse_request(const Event& event, const event::Environment& environment) {
  event::allow_only(event, {"input", "output", "on_bad_row"});
  const auto on_bad_row = event::choice(event, "on_bad_row", {"skip", "fail"}, 0);
  return {event::location(event, "input", {}, "CSV_ETL_INPUT", environment),
          event::location(event, "output", {}, "CSV_ETL_OUTPUT", environment),
          on_bad_row == 0 ? OnBadRow::skip : OnBadRow::fail};
}

}  // namespace lambda::csv_etl
