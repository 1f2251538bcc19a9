#include "millrace/detail/stream_strand.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <typeinfo>

#include "support/catch.hpp"

using asio::any_io_executor;
using millrace::detail::stream_strand;

namespace {

template <class T>
bool holds(const any_io_executor& executor) {
  return executor.target_type() == typeid(T);
}

}  // namespace

TEST_CASE("a stream's strand is of the executor's own type, where that is known") {
  using of_loop = asio::io_context::executor_type;
  using of_threads = asio::thread_pool::executor_type;
  asio::io_context loop;
  asio::thread_pool threads(1);
  const any_io_executor otherwise = threads.get_executor();
  CHECK(holds<asio::strand<of_loop>>(stream_strand(loop.get_executor(), otherwise)));
  CHECK(
      holds<asio::strand<of_loop>>(stream_strand(any_io_executor(loop.get_executor()), otherwise)));
  CHECK(holds<asio::strand<of_threads>>(
      stream_strand(any_io_executor(threads.get_executor()), loop.get_executor())));
}

TEST_CASE("a stream's strand is on the handler's executor, whatever that is") {
  using of_any = asio::strand<any_io_executor>;
  asio::io_context loop;
  asio::io_context other;
  const auto on_loop = [&](const any_io_executor& executor) {
    return &asio::query(executor, asio::execution::context) == &loop;
  };
  const auto own = loop.get_executor();
  const auto strand = asio::make_strand(own);
  CHECK(on_loop(stream_strand(own, other.get_executor())));
  const any_io_executor around = stream_strand(strand, other.get_executor());
  CHECK(on_loop(around));
  CHECK(holds<of_any>(around));
  CHECK(around.target<of_any>()->get_inner_executor() == any_io_executor(strand));
}
