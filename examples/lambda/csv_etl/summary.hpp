/// From what the workers have added up to what is handed out.
#pragma once

#include <string_view>

#include "csv_etl/accumulator.hpp"
#include "csv_etl/aggregate.hpp"
#include "csv_etl/header.hpp"

namespace lambda::csv_etl {

/// `text` is the one whose rows were added, its header with it.
[[nodiscard]] Aggregate summarise(const Accumulator& total, std::string_view text,
                                  const Header& header);

}  // namespace lambda::csv_etl
