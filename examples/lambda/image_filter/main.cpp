#include <asio/any_io_executor.hpp>
#include <millrace/compute_pool.hpp>

#include "image_filter/handler.hpp"
#include "runtime/runtime.hpp"
#include "storage/storage.hpp"

int main() {
  const auto make = [](const asio::any_io_executor& executor, millrace::ComputePool<>&) {
    lambda::Storage& storage = lambda::storage_of(executor);
    return lambda::image_filter::Handler{storage, storage};
  };
  return lambda::run(make);
}
