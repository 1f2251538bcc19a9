// A service of mixed work: three coroutines share one pool. Each awaits batches of texts and
// divides its work in another way: a loop, a scope of two children, children of children.
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/channel.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <iostream>
#include <utility>
#include <vector>

#include "16_text_model.hpp"
#include "millrace/patterns.hpp"

namespace {

using Pool = millrace::ComputePool<>;
using model::Texts, millrace::Scope;
using Requests = asio::experimental::channel<void(asio::error_code, Texts)>;

asio::awaitable<std::vector<model::Tokens>> tokenise(Pool& pool, const Texts& texts) {
  co_return co_await parallel_map(pool, texts, model::tokens_of);
}
asio::awaitable<model::Embedding> embed(Pool& pool, const Texts& texts) {
  co_return co_await pool.execute_scoped([&texts](Scope& scope) {
    model::Embedding text{}, context{};
    scope.spawn([&] { text = model::embedding_of(texts.front()); });
    scope.spawn([&] { context = model::context_of(texts); });
    scope.wait();
    return model::combined(text, context);
  });
}
asio::awaitable<std::vector<model::Scores>> infer(Pool& pool, const Texts& texts) {
  std::vector<model::Scores> scores(texts.size());
  co_await pool.execute_scoped([&](Scope& scope) {
    for (std::size_t i = 0; i < texts.size(); ++i)
      scope.spawn([&, i](Scope& inner) {
        for (std::size_t k = 0; k < 3; ++k)
          inner.spawn([&, i, k] { scores[i][k] = model::neuron(k, texts[i]); });
      });
  });
  co_return scores;
}

asio::awaitable<void> serve(Pool& pool, Requests& from, auto compute, auto& answers) {
  for (asio::error_code closed;;) {
    Texts texts = co_await from.async_receive(asio::redirect_error(asio::use_awaitable, closed));
    if (closed) co_return;
    answers.push_back(co_await compute(pool, texts));
  }
}
asio::awaitable<void> send(const std::vector<Texts>& batches, std::array<Requests, 3>& services) {
  for (const Texts& batch : batches)
    for (Requests& each : services)
      co_await each.async_send(asio::error_code(), batch, asio::use_awaitable);
  for (Requests& each : services) each.close();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Texts> batches = model::batches_of(argc > 1 ? argv[1] : "README.md");
  Pool pool;
  asio::io_context context;
  std::array<Requests, 3> services{Requests(context), Requests(context), Requests(context)};
  model::Answers answers;
  using namespace asio::experimental::awaitable_operators;
  auto all = send(batches, services) && serve(pool, services[0], tokenise, answers.tokens) &&
             serve(pool, services[1], embed, answers.embeddings) &&
             serve(pool, services[2], infer, answers.scores);
  auto done = asio::co_spawn(context, std::move(all), asio::use_future);
  context.run();
  done.get();
  std::cout << model::summary(answers) << '\n';
  return answers == model::answers_to(batches) ? 0 : 1;
}
