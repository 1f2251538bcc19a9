#include "image_filter/handler.hpp"
#include "io/file_sink.hpp"
#include "io/file_source.hpp"
#include "runtime/runtime.hpp"

int main() {
  lambda::io::FileSource source;
  lambda::io::FileSink sink;
  return lambda::run(lambda::image_filter::Handler{source, sink});
}
