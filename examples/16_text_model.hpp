#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// What 16_mixed_service computes: plain functions of a text, which know nothing of pools.
namespace model {

using Texts = std::vector<std::string>;
using Tokens = std::vector<std::uint32_t>;
using Embedding = std::array<float, 256>;
using Scores = std::array<float, 3>;  // prose, code, table

[[nodiscard]] inline std::uint32_t hash(std::string_view text) {
  std::uint32_t hash = 2166136261u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

// A number for each word and each mark, as in a vocabulary of 50,000.
[[nodiscard]] inline Tokens tokens_of(std::string_view text) {
  const auto in_word = [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  Tokens tokens;
  for (std::size_t i = 0, end = 0; i < text.size(); i = end) {
    for (end = i + 1; in_word(text[i]) && end < text.size() && in_word(text[end]);) ++end;
    if (text[i] != ' ') tokens.push_back(hash(text.substr(i, end - i)) % 50'000);
  }
  return tokens;
}

// Scaled to length 1, so that the dot product of two is how alike they are.
[[nodiscard]] inline float dot(const Embedding& a, const Embedding& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0f);
}
[[nodiscard]] inline Embedding scaled(Embedding one) {
  const float length = std::sqrt(dot(one, one));
  for (float& value : one) value = length == 0 ? 0 : value / length;
  return one;
}

// How often each group of three characters comes up, by its hash.
[[nodiscard]] inline Embedding embedding_of(std::string_view text) {
  Embedding counts{};
  for (std::size_t i = 0; i + 3 <= text.size(); ++i) counts[hash(text.substr(i, 3)) % 256] += 1;
  return scaled(counts);
}

// The same of several texts.
[[nodiscard]] inline Embedding context_of(const Texts& texts) {
  return embedding_of(std::accumulate(texts.begin(), texts.end(), std::string()));
}

[[nodiscard]] inline Embedding combined(const Embedding& text, const Embedding& context) {
  Embedding sum{};
  std::transform(text.begin(), text.end(), context.begin(), sum.begin(),
                 [](float a, float b) { return 3 * a + b; });
  return scaled(sum);
}

// One neuron of a network of one layer, whose weights are the embeddings of typical texts.
[[nodiscard]] inline float neuron(std::size_t number, std::string_view text) {
  static const std::array<Embedding, 3> weights{
      embedding_of("the pool that runs what it is given and then comes back with the result of it"),
      embedding_of(
          "co_await pool.execute([&](auto& x) { return std::move(x); }); #include <a.hpp>"),
      embedding_of("| `call(f)` | what it does | [example](examples/one.cpp) | --- | 1.0 |")};
  return std::max(0.0f, dot(weights[number], embedding_of(text)));
}

// A file's lines, eight at a time.
[[nodiscard]] inline std::vector<Texts> batches_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<Texts> batches;
  for (std::string line; std::getline(file, line);) {
    if (batches.empty() || batches.back().size() == 8) batches.emplace_back();
    batches.back().push_back(line);
  }
  if (batches.empty()) throw std::runtime_error("no lines in " + path);
  return batches;
}

// What the three services answer to each batch.
struct Answers {
  std::vector<std::vector<Tokens>> tokens;
  std::vector<Embedding> embeddings;
  std::vector<std::vector<Scores>> scores;

  [[nodiscard]] bool operator==(const Answers&) const = default;
};

// The same in a plain loop, to compare with.
[[nodiscard]] inline Answers answers_to(const std::vector<Texts>& batches) {
  Answers all;
  for (const Texts& batch : batches) {
    all.tokens.emplace_back();
    all.scores.emplace_back();
    for (const std::string& text : batch) {
      all.tokens.back().push_back(tokens_of(text));
      all.scores.back().push_back({neuron(0, text), neuron(1, text), neuron(2, text)});
    }
    all.embeddings.push_back(combined(embedding_of(batch.front()), context_of(batch)));
  }
  return all;
}

// What the answers say of the texts.
[[nodiscard]] inline std::string summary(const Answers& answers) {
  std::size_t tokens = 0;
  for (const auto& batch : answers.tokens) {
    for (const Tokens& one : batch) tokens += one.size();
  }
  std::array<std::size_t, 3> kinds{};
  for (const auto& batch : answers.scores) {
    for (const Scores& one : batch) {
      kinds[static_cast<std::size_t>(std::ranges::max_element(one) - one.begin())] += 1;
    }
  }
  return std::to_string(tokens) + " tokens; " + std::to_string(kinds[0]) + " lines are prose, " +
         std::to_string(kinds[1]) + " code, " + std::to_string(kinds[2]) + " tables";
}

}  // namespace model
