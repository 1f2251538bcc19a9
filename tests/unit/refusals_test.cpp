#include "millrace/detail/refusals.hpp"

#include <asio/awaitable.hpp>
#include <asio/use_awaitable.hpp>
#include <future>
#include <memory>
#include <string>

#include "support/catch.hpp"

// That what is refused doesn't compile is for tests/compile_fail to show.

using namespace millrace::detail;  // NOLINT: it's what is tested

namespace {

struct alignas(2 * __STDCPP_DEFAULT_NEW_ALIGNMENT__) Wide {};

struct NotEvenComplete;

}  // namespace

TEST_CASE("what has to be awaited is told from values") {
  STATIC_REQUIRE(awaitable_like<asio::awaitable<void>>);
  STATIC_REQUIRE(awaitable_like<asio::awaitable<std::string>>);
  STATIC_REQUIRE_FALSE(awaitable_like<int>);
  STATIC_REQUIRE_FALSE(awaitable_like<std::unique_ptr<asio::awaitable<void>>>);
  STATIC_REQUIRE_FALSE(awaitable_like<std::future<int>>);
  STATIC_REQUIRE_FALSE(awaitable_like<std::unique_ptr<NotEvenComplete>>);
  STATIC_REQUIRE_FALSE(awaitable_like<void>);
}

TEST_CASE("what fits into a coroutine's frame") {
  STATIC_REQUIRE(fits_into_frame<void>());
  STATIC_REQUIRE(fits_into_frame<std::max_align_t>());
  STATIC_REQUIRE_FALSE(fits_into_frame<Wide>());
  STATIC_REQUIRE(fits_into_frame<std::unique_ptr<Wide>>());
  check_alignment<void, Wide>();
  check_alignment<const asio::use_awaitable_t<>&, int>();
}
