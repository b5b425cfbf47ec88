// The order of things that CUDA leaves open: SPRAT_CUDA_ORDER=forward, reverse or shuffle:SEED.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

namespace sprat::emulation {

class Order {
 public:
  static Order from_environment() {
    const char* text = std::getenv("SPRAT_CUDA_ORDER");
    Order order;
    if (text && std::strcmp(text, "reverse") == 0) order.kind_ = kReverse;
    if (text && std::strncmp(text, "shuffle", 7) == 0) {
      order.kind_ = kShuffle;
      if (text[7] == ':') order.seed_ ^= std::strtoull(text + 8, nullptr, 10) * 0xBF58476D1CE4E5B9u;
      order.state_ = order.seed_;
    }
    return order;
  }

  // 0 ... n - 1 in the order of this turn.
  void arrange(std::vector<unsigned>& numbers, unsigned n) {
    numbers.resize(n);
    std::iota(numbers.begin(), numbers.end(), 0u);
    if (kind_ == kReverse) {
      for (unsigned i = 0; i < n / 2; ++i) std::swap(numbers[i], numbers[n - 1 - i]);
    } else if (kind_ == kShuffle) {
      for (unsigned i = n; i > 1; --i) std::swap(numbers[i - 1], numbers[next() % i]);
    }
  }

  // The number at place `turn` of all below n: a permutation that needs no memory, by a step without a common divisor.
  uint64_t pick(uint64_t turn, uint64_t n) const {
    if (kind_ == kForward) return turn;
    if (kind_ == kReverse) return n - 1 - turn;
    uint64_t step = seed_ % n | 1;
    while (std::gcd(step, n) != 1) step += 2;
    return (turn * (step % n) + seed_ % n) % n;
  }

 private:
  enum Kind { kForward, kReverse, kShuffle };
  Kind kind_ = kForward;
  uint64_t seed_ = 0x9E3779B97F4A7C15u, state_ = seed_;

  uint64_t next() {  // xorshift64*
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return (state_ * 0x2545F4914F6CDD1Du) >> 16;
  }
};

}  // namespace sprat::emulation
