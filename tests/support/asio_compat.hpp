#pragma once

#include <asio/version.hpp>

// Names that moved out of asio::experimental between Debian's Asio (1.22) and upstream's.
#if ASIO_VERSION >= 102500
#include <asio/as_tuple.hpp>
#include <asio/deferred.hpp>
namespace test {
using asio::as_tuple;
using asio::deferred;
}  // namespace test
#else
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/deferred.hpp>
namespace test {
using asio::experimental::as_tuple;
using asio::experimental::deferred;
}  // namespace test
#endif
