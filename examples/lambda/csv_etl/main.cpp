#include "csv_etl/handler.hpp"
#include "runtime/runtime.hpp"

int main() {
  return lambda::run(lambda::csv_etl::handle);
}
