#include "millrace/detail/inbox_service.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/io_context.hpp>
#include <asio/prefer.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>
#include <asio/thread_pool.hpp>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"

using asio::any_io_executor;
using asio::make_strand;
using millrace::detail::inbox_behind;

namespace {

template <class Context>
void check_all_of(Context& context) {
  const auto own = context.get_executor();
  const auto* const inbox = inbox_behind(own);
  REQUIRE(inbox != nullptr);
  CHECK(inbox_behind(own) == inbox);
  CHECK(inbox_behind(make_strand(own)) == inbox);
  CHECK(inbox_behind(make_strand(make_strand(own))) == inbox);
  CHECK(inbox_behind(make_strand(any_io_executor(own))) == inbox);
  CHECK(inbox_behind(any_io_executor(own)) == inbox);
  CHECK(inbox_behind(any_io_executor(make_strand(own))) == inbox);
  CHECK(inbox_behind(any_io_executor(make_strand(any_io_executor(own)))) == inbox);
  CHECK(inbox_behind(make_strand(any_io_executor(make_strand(own)))) == inbox);
}

}  // namespace

TEST_CASE("an inbox is found behind its context's own executor and all strands of that") {
  asio::io_context context;
  check_all_of(context);
  asio::thread_pool threads(1);
  check_all_of(threads);
  CHECK(inbox_behind(context.get_executor()) != inbox_behind(threads.get_executor()));
}

TEST_CASE("no inbox is behind an executor that says more than on which threads") {
  asio::io_context context;
  const auto tracked =
      asio::prefer(context.get_executor(), asio::execution::outstanding_work.tracked);
  CHECK(inbox_behind(tracked) == nullptr);
  CHECK(inbox_behind(any_io_executor(tracked)) == nullptr);
  CHECK(inbox_behind(make_strand(tracked)) == nullptr);
  CHECK(inbox_behind(asio::system_executor()) == nullptr);
  CHECK(inbox_behind(any_io_executor(asio::system_executor())) == nullptr);
  CHECK(inbox_behind(any_io_executor()) == nullptr);
  millrace::ComputePool<> pool{{.threads = 1}};
  CHECK(inbox_behind(pool.get_executor()) == nullptr);
  CHECK(inbox_behind(make_strand(pool.get_executor())) == nullptr);
  CHECK(inbox_behind(any_io_executor(make_strand(pool.get_executor()))) == nullptr);
}
