// A service without Python: eight threads answer requests of one row each from one predictor, check every answer, and
// print how long they took.   service model.safetensors [requests of each thread]
//
// The threads share the predictor without a lock; a request allocates nothing.
#include <sprat/sprat.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kThreads = 8, kRows = 64;

using Clock = std::chrono::steady_clock;

// What one thread sees: its own rows, the answers they must get, and the time of each request.
struct Client {
  std::vector<float> x, expected;
  std::vector<double> nanoseconds;
  std::size_t wrong = 0;

  Client(const sprat::Predictor& predictor, std::size_t number, std::size_t requests)
      : x(kRows * predictor.in_features()), nanoseconds(requests) {
    std::mt19937 random(static_cast<unsigned>(number));
    std::normal_distribution<float> normal;
    for (float& value : x) value = normal(random);
    expected = predictor(x);  // as a batch: a row has the same bits alone
  }

  void run(const sprat::Predictor& predictor) {
    const std::size_t in = predictor.in_features(), out = predictor.out_features();
    std::vector<float> y(out);
    for (std::size_t i = 0; i < nanoseconds.size(); ++i) {
      const std::size_t row = i % kRows;
      const auto begin = Clock::now();
      predictor.run(sprat::Span<const float>(x.data() + row * in, in), y);
      nanoseconds[i] = std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
      wrong += !std::equal(y.begin(), y.end(), expected.begin() + static_cast<std::ptrdiff_t>(row * out));
    }
  }
};

double percentile(const std::vector<double>& sorted, double share) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

int serve(const char* path, std::size_t requests) {
  const sprat::Predictor predictor(sprat::Model::load(path));
  sprat::check(sprat_set_num_threads(1));  // the threads are ours
  std::vector<Client> clients;
  for (std::size_t i = 0; i < kThreads; ++i) clients.emplace_back(predictor, i, requests);

  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (Client& client : clients) threads.emplace_back([&] { client.run(predictor); });
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();

  std::vector<double> all;
  std::size_t wrong = 0;
  for (const Client& client : clients) {
    all.insert(all.end(), client.nanoseconds.begin(), client.nanoseconds.end());
    wrong += client.wrong;
  }
  std::sort(all.begin(), all.end());
  std::printf("%zu threads, %zu requests, %.0f a second\n", kThreads, all.size(),
              static_cast<double>(all.size()) / seconds);
  std::printf("p50 %.2f us, p99 %.2f us, p99.9 %.2f us\n", percentile(all, 0.5) / 1e3, percentile(all, 0.99) / 1e3,
              percentile(all, 0.999) / 1e3);
  std::printf("%zu wrong answers\n", wrong);
  return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const long requests = argc == 3 ? std::atol(argv[2]) : 100000;
  if (argc < 2 || argc > 3 || requests < 1) {
    std::fprintf(stderr, "usage: %s model.safetensors [requests of each thread]\n", argv[0]);
    return 2;
  }
  try {
    return serve(argv[1], static_cast<std::size_t>(requests));
  } catch (const sprat::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
