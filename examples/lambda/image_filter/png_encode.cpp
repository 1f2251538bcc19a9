#include <oneapi/tbb/parallel_for.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "compute/stop.hpp"
#include "image_filter/png.hpp"

// libspng encodes on one thread, and compression is most of what the whole function does. So the
// rows are compressed in stripes, in parallel, as pigz does it: each stripe is a piece of one
// DEFLATE stream that ends at a byte, is given the end of the stripe before as its dictionary, and
// becomes an IDAT chunk of its own. Where the stripes begin depends on the image alone, so the
// bytes don't depend on the workers.

namespace lambda::image_filter {
namespace {

// docs/lambda.md has the measurements that chose it, and the filter.
constexpr int compression_level = 1;

constexpr std::size_t bytes_per_stripe = 256 * 1024;
constexpr std::size_t dictionary_bytes = 32 * 1024;  // as far back as DEFLATE looks

void append_number(std::string& out, std::size_t number) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(number >> shift & 0xFF);
}

const Bytef* bytes_of(const char* text) {
  return reinterpret_cast<const Bytef*>(text);
}

// Begins a chunk that `end_chunk` closes; returns where.
std::size_t begin_chunk(std::string& out, const char* type) {
  const auto at = out.size();
  out.append(4, '\0').append(type);
  return at;
}

void end_chunk(std::string& out, std::size_t at) {
  std::string size;
  append_number(size, out.size() - at - 8);
  out.replace(at, 4, size);
  append_number(out, crc32_z(0, bytes_of(out.data() + at + 4), out.size() - at - 4));
}

class Deflater {
 public:
  Deflater() {
    // Negative: the bare stream, as header and checksum belong to all stripes together.
    const int error =
        deflateInit2(&stream_, compression_level, Z_DEFLATED, -MAX_WBITS, 9, Z_FILTERED);
    if (error != Z_OK) throw std::bad_alloc{};
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { deflateEnd(&stream_); }

  void append(std::string& out, const std::vector<Bytef>& bytes, std::size_t begin, bool is_last) {
    const auto known = std::min(begin, dictionary_bytes);
    deflateSetDictionary(&stream_, bytes.data() + begin - known, static_cast<uInt>(known));
    stream_.next_in = const_cast<Bytef*>(bytes.data() + begin);  // zlib only reads it
    stream_.avail_in = static_cast<uInt>(bytes.size() - begin);
    std::array<Bytef, 32 * 1024> buffer;
    do {
      stream_.next_out = buffer.data();
      stream_.avail_out = buffer.size();
      deflate(&stream_, is_last ? Z_FINISH : Z_SYNC_FLUSH);
      out.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

 private:
  z_stream stream_{};
};

// PNG's filter 1: each byte as its difference from the pixel to the left.
void filter_row(const std::uint8_t* row, std::size_t size, std::size_t step, Bytef* out) {
  *out++ = 1;
  std::copy_n(row, step, out);
  for (auto i = step; i < size; ++i) out[i] = static_cast<Bytef>(row[i] - row[i - step]);
}

struct Stripe {
  std::string chunk;
  uLong checksum = 1;
  std::size_t bytes = 0;
};

Stripe encode_stripe(const Image& image, std::size_t begin, std::size_t end) {
  const auto size = image.stride() + 1;
  // The rows that hold the dictionary are filtered once more: cheaper than keeping them all.
  const auto rows_before = std::min(begin, (dictionary_bytes + size - 1) / size);
  std::vector<Bytef> rows((end - begin + rows_before) * size);
  auto* out = rows.data();
  for (auto y = begin - rows_before; y < end; ++y, out += size) {
    filter_row(image.row(y), image.stride(), image.channels, out);
  }

  const auto first = rows_before * size;
  Stripe stripe;
  stripe.bytes = rows.size() - first;
  stripe.checksum = adler32_z(1, rows.data() + first, stripe.bytes);
  const auto at = begin_chunk(stripe.chunk, "IDAT");
  if (begin == 0) stripe.chunk += "\x78\x01";  // zlib's header: DEFLATE, 32 KiB, fast
  Deflater deflater;
  deflater.append(stripe.chunk, rows, first, end == image.height);
  end_chunk(stripe.chunk, at);
  return stripe;
}

std::string header_of(const Image& image) {
  constexpr std::array<char, 4> color_types{0, 4, 2, 6};  // by the number of channels
  std::string out{"\x89PNG\r\n\x1A\n"};
  const auto at = begin_chunk(out, "IHDR");
  append_number(out, image.width);
  append_number(out, image.height);
  // 8 bits; and the only compression, the only set of filters, not interlaced.
  out.append({8, color_types[image.channels - 1], 0, 0, 0});
  end_chunk(out, at);
  return out;
}

}  // namespace

std::string encode_png(const Image& image, const std::stop_token& stop) {
  const auto rows = std::max<std::size_t>(1, bytes_per_stripe / image.stride());
  std::vector<Stripe> stripes((image.height + rows - 1) / rows);
  tbb::parallel_for(std::size_t{0}, stripes.size(), [&](std::size_t i) {
    if (stop.stop_requested()) return;
    stripes[i] =
        encode_stripe(image, i * rows, std::min<std::size_t>(image.height, (i + 1) * rows));
  });
  compute::throw_if_stopped(stop);

  auto file = header_of(image);
  std::size_t size = file.size() + 64;  // with the two small chunks at the end
  for (const auto& stripe : stripes) size += stripe.chunk.size();
  file.reserve(size);
  uLong checksum = 1;
  for (const auto& stripe : stripes) {
    file += stripe.chunk;
    checksum = adler32_combine(checksum, stripe.checksum, static_cast<z_off_t>(stripe.bytes));
  }
  const auto at = begin_chunk(file, "IDAT");
  append_number(file, checksum);
  end_chunk(file, at);
  end_chunk(file, begin_chunk(file, "IEND"));
  return file;
}

}  // namespace lambda::image_filter
