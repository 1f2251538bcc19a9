#include <asio/any_io_executor.hpp>
#include <millrace/compute_pool.hpp>

#include "csv_transform/handler.hpp"
#include "runtime/runtime.hpp"
#include "storage/storage.hpp"

int main() {
  const auto make = [](const asio::any_io_executor& executor, millrace::ComputePool<>&) {
    lambda::Storage& storage = lambda::storage_of(executor);
    return lambda::csv_transform::Handler{storage, storage};
  };
  return lambda::run(make);
}
