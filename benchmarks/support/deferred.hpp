#pragma once

// Asio 1.24 moved `deferred` out of experimental.
#if __has_include(<asio/deferred.hpp>)
#include <asio/deferred.hpp>
namespace bench {
using asio::deferred;
}
#else
#include <asio/experimental/deferred.hpp>
namespace bench {
using asio::experimental::deferred;
}
#endif
