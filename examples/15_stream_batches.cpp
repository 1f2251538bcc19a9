// A stream with batch compute: packets come in one by one, are collected into batches, some batches
// at a time are computed on the pool, and the results come out in order. Packets
// of 1/20 s of sound, each a note in loud noise or noise alone, become a tune in letters.
#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <chrono>
#include <complex>
#include <cstddef>
#include <iostream>
#include <numbers>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/batched.hpp"
#include "millrace/stream.hpp"

namespace {

constexpr std::string_view tune = "CDEC CDEC EFG EFG GAGFEC GAGFEC CGC CGC", names = "CDEFGABc";
constexpr std::array hertz{523.f, 587.f, 659.f, 698.f, 784.f, 880.f, 988.f, 1047.f};
using Packet = std::array<float, 400>;
std::complex<float> wave(float frequency, std::size_t i) {
  return std::polar(1.0f, std::numbers::pi_v<float> / 4000 * frequency * static_cast<float>(i));
}

// Stands for a microphone: nothing at the end.
asio::awaitable<std::optional<Packet>> packet(std::size_t number) {
  if (number == tune.size()) co_return std::nullopt;
  const std::size_t note = names.find(tune[number]);
  std::minstd_rand random(static_cast<unsigned>(number + 1));
  std::normal_distribution<float> noise;
  Packet sound{};
  for (std::size_t i = 0; i < sound.size(); ++i) {
    sound[i] = noise(random) + (note < hertz.size() ? wave(hertz[note], i).real() : 0);
  }
  co_return sound;
}

std::string notes_in(const std::vector<Packet>& batch) {
  std::string notes;
  for (const Packet& sound : batch) {
    const auto strength = [&sound](float frequency) {
      std::complex<float> sum = 0;
      for (std::size_t i = 0; i < sound.size(); ++i) sum += sound[i] * wave(frequency, i);
      return std::abs(sum);
    };
    const auto loudest = std::ranges::max_element(hertz, {}, strength);
    notes +=
        strength(*loudest) < 100 ? ' ' : names[static_cast<std::size_t>(loudest - hertz.begin())];
  }
  return notes;
}

asio::awaitable<void> listen_to(millrace::ComputePool<>& pool, std::string& heard) {
  auto batches = millrace::batched([n = std::size_t(0)]() mutable { return packet(n++); }, 8,
                                   std::chrono::milliseconds(10));
  const auto sink = [&heard](const std::string& notes) { heard += notes; };
  co_await millrace::stream(pool, std::move(batches), notes_in, sink, {.in_flight = 4});
}

}  // namespace

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  std::string heard;
  auto done = asio::co_spawn(context, listen_to(pool, heard), asio::use_future);
  context.run();
  done.get();
  std::cout << "played: " << tune << "\nheard:  " << heard << '\n';
  return heard == tune ? 0 : 1;
}
