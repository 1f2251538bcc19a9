#pragma once

#include <string>
#include <vector>

#include "support/suite.hpp"

namespace bench {

/// Medians and spread, one line per row.
void print_table(const std::vector<row>& rows);

/// All values with compiler, flags and versions, as benchmarks/driver reads them.
void write_json(const std::string& file, const std::vector<row>& rows);

/// What all benchmark programs have in common: options, run, table, JSON. Gives the exit status.
[[nodiscard]] int run_main(int argc, char** argv, const suite& all);

}  // namespace bench
