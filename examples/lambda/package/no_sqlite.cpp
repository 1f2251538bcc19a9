// The SqliteSink of the packages. On AWS a file is gone with the instance that wrote it, so SQLite,
// whose library has 1.4 MiB in Debian 12, isn't packed for it.

#include "io/error.hpp"
#include "io/sqlite_sink.hpp"

namespace lambda::io {

SqliteSink::SqliteSink(std::string path, SqliteTable) {
  throw Error(path + ": this program is made without SQLite; the output must be dynamodb://TABLE");
}

asio::awaitable<WriteReport> SqliteSink::put(std::span<const Item>) {
  co_return WriteReport{};
}

}  // namespace lambda::io
