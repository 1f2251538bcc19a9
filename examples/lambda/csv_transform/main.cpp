#include "csv_transform/handler.hpp"
#include "io/file_sink.hpp"
#include "io/file_source.hpp"
#include "runtime/runtime.hpp"

int main() {
  lambda::io::FileSource source;
  lambda::io::FileSink sink;
  return lambda::run(lambda::csv_transform::Handler{source, sink});
}
