#include "api/sparse_pack.h"

#include <algorithm>
#include <numeric>

#include "core/round_up.h"

namespace sprat {
namespace {

struct Link {
  int32_t input;
  float weight;
};
using Chain = std::vector<Link>;  // of one output, inputs ascending

std::vector<Chain> chains_of(const WeightMatrix& weight) {
  std::vector<Chain> chains(static_cast<size_t>(weight.n));
  for (int64_t output = 0; output < weight.n; ++output) {
    Chain& chain = chains[static_cast<size_t>(output)];
    for (int64_t input = 0; input < weight.k; ++input) {
      const float value = weight.at(output, input);
      if (value != 0) chain.push_back({static_cast<int32_t>(input), value});
    }
  }
  return chains;
}

// No bias is +0, and so is one of -0 (kernels/sparse.h).
float bias_of(const WeightMatrix& weight, int64_t output) { return weight.bias ? weight.bias[output] + 0.0f : 0.0f; }

bool lane_biases(const WeightMatrix& weight, const std::vector<int32_t>& outputs, AlignedBuffer<float>& bias) {
  if (!bias.allocate(static_cast<int64_t>(outputs.size()))) return false;
  for (size_t lane = 0; lane < outputs.size(); ++lane) {
    bias[static_cast<int64_t>(lane)] = outputs[lane] >= 0 ? bias_of(weight, outputs[lane]) : 0.0f;
  }
  return true;
}

// Outputs 0, 1, ..., then -1 to the end of the last panel.
std::vector<int32_t> lanes_in_order(int64_t n) {
  std::vector<int32_t> lanes(static_cast<size_t>(round_up(n, kSparsePanel)), -1);
  std::iota(lanes.begin(), lanes.begin() + n, 0);
  return lanes;
}

// The groups of all panels, one after the other.
struct Schedule {
  std::vector<float> weights;
  std::vector<uint8_t> places;
  std::vector<int32_t> windows;
  std::vector<int64_t> groups{0};

  void add_group(int32_t window) {
    windows.push_back(window);
    weights.resize(windows.size() * kSparseSteps * kSparsePanel);  // zeros
    places.resize(weights.size());
  }

  // The chains of up to 16 lanes.
  void add_panel(const std::vector<Chain>& chains, const int32_t* outputs) {
    const Link *next[kSparsePanel] = {}, *end[kSparsePanel] = {};
    for (int64_t lane = 0; lane < kSparsePanel; ++lane) {
      if (outputs[lane] < 0) continue;
      const Chain& chain = chains[static_cast<size_t>(outputs[lane])];
      next[lane] = chain.data();
      end[lane] = chain.data() + chain.size();
    }
    for (;;) {
      int32_t earliest = INT32_MAX;
      for (int64_t lane = 0; lane < kSparsePanel; ++lane) {
        if (next[lane] != end[lane]) earliest = std::min(earliest, next[lane]->input);
      }
      if (earliest == INT32_MAX) break;
      const int32_t window = earliest / 16 * 16;
      add_group(window);
      const size_t group = weights.size() - kSparseSteps * kSparsePanel;
      for (size_t at = group; at < weights.size(); ++at) {
        const size_t lane = (at - group) % kSparsePanel;
        if (next[lane] == end[lane] || next[lane]->input - window >= kSparseWindow) continue;
        weights[at] = next[lane]->weight;
        places[at] = static_cast<uint8_t>(next[lane]->input - window);
        ++next[lane];
      }
    }
    groups.push_back(static_cast<int64_t>(windows.size()));
  }
};

// Panels that run together get the same number of groups, the shorter ones by groups without weights.
Schedule schedule(const std::vector<Chain>& chains, const std::vector<int32_t>& outputs) {
  const int64_t panels = static_cast<int64_t>(outputs.size()) / kSparsePanel;
  Schedule all;
  for (int64_t first = 0; first < panels; first += kSparseTogether) {
    const int64_t end = std::min(first + kSparseTogether, panels);
    Schedule each[kSparseTogether];
    size_t longest = 0;
    for (int64_t panel = first; panel < end; ++panel) {
      Schedule& one = each[panel - first];
      one.add_panel(chains, outputs.data() + panel * kSparsePanel);
      longest = std::max(longest, one.windows.size());
    }
    for (int64_t panel = first; panel < end; ++panel) {
      Schedule& one = each[panel - first];
      while (one.windows.size() < longest) one.add_group(0);
      all.weights.insert(all.weights.end(), one.weights.begin(), one.weights.end());
      all.places.insert(all.places.end(), one.places.begin(), one.places.end());
      all.windows.insert(all.windows.end(), one.windows.begin(), one.windows.end());
      all.groups.push_back(static_cast<int64_t>(all.windows.size()));
    }
  }
  return all;
}

}  // namespace

bool PackedSteps::pack(const WeightMatrix& weight) {
  const std::vector<Chain> chains = chains_of(weight);
  std::vector<int32_t> lanes = lanes_in_order(weight.n);
  Schedule chosen = schedule(chains, lanes);
  // Outputs of equal length side by side wait less for each other, but are then stored one by one.
  std::vector<int32_t> sorted = lanes;
  std::stable_sort(sorted.begin(), sorted.begin() + weight.n, [&](int32_t a, int32_t b) {
    return chains[static_cast<size_t>(a)].size() > chains[static_cast<size_t>(b)].size();
  });
  Schedule by_length = schedule(chains, sorted);
  if (by_length.windows.size() < chosen.windows.size() - chosen.windows.size() / 16) {
    chosen = std::move(by_length);
    lanes = outputs_ = std::move(sorted);
  }
  const auto elements = static_cast<int64_t>(chosen.weights.size());
  if (!weights_.allocate(elements) || !places_.allocate(elements) || !lane_biases(weight, lanes, bias_)) return false;
  std::copy(chosen.weights.begin(), chosen.weights.end(), weights_.data());
  std::copy(chosen.places.begin(), chosen.places.end(), places_.data());
  windows_ = std::move(chosen.windows);
  groups_ = std::move(chosen.groups);
  packed_ = {weight.k,
             weight.n,
             weights_.data(),
             places_.data(),
             windows_.data(),
             groups_.data(),
             outputs_.empty() ? nullptr : outputs_.data(),
             bias_.data()};
  return true;
}

bool PackedLists::pack(const WeightMatrix& weight) {
  const std::vector<Chain> chains = chains_of(weight);
  const auto links = std::accumulate(chains.begin(), chains.end(), int64_t{0}, [](int64_t sum, const Chain& chain) {
    return sum + static_cast<int64_t>(chain.size());
  });
  if (!weights_.allocate(links)) return false;
  inputs_.reserve(static_cast<size_t>(links));
  std::vector<size_t> next(chains.size(), 0);  // of each chain: the first link of the window
  std::vector<size_t> end(chains.size());
  for (int64_t window = 0; window < weight.k; window += kListWindow) {
    std::vector<int32_t> order(chains.size());
    std::iota(order.begin(), order.end(), 0);
    for (size_t c = 0; c < chains.size(); ++c) {
      end[c] = next[c];
      while (end[c] < chains[c].size() && chains[c][end[c]].input < window + kListWindow) ++end[c];
    }
    const auto length = [&](int32_t output) {
      return end[static_cast<size_t>(output)] - next[static_cast<size_t>(output)];
    };
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return length(a) < length(b); });
    for (const int32_t output : order) {
      const auto c = static_cast<size_t>(output);
      outputs_.push_back(output);
      begins_.push_back(static_cast<int64_t>(inputs_.size()));
      for (; next[c] < end[c]; ++next[c]) {
        weights_[static_cast<int64_t>(inputs_.size())] = chains[c][next[c]].weight;
        inputs_.push_back(chains[c][next[c]].input);
      }
    }
  }
  begins_.push_back(static_cast<int64_t>(inputs_.size()));
  bias_.resize(static_cast<size_t>(weight.n));
  for (int64_t output = 0; output < weight.n; ++output) bias_[static_cast<size_t>(output)] = bias_of(weight, output);
  packed_ = {weight.k,        weight.n,       (weight.k + kListWindow - 1) / kListWindow,
             weights_.data(), inputs_.data(), begins_.data(),
             outputs_.data(), bias_.data()};
  return true;
}

bool PackedBlocks::pack(const WeightMatrix& weight) {
  const auto kept = [&](int64_t first, int64_t input) {
    for (int64_t output = first; output < std::min(first + kSparsePanel, weight.n); ++output) {
      if (weight.at(output, input) != 0) return true;
    }
    return false;
  };
  begins_.push_back(0);
  for (int64_t first = 0; first < weight.n; first += kSparsePanel) {
    for (int64_t input = 0; input < weight.k; ++input) {
      if (kept(first, input)) inputs_.push_back(static_cast<int32_t>(input));
    }
    begins_.push_back(static_cast<int64_t>(inputs_.size()));
  }
  if (!weights_.allocate(begins_.back() * kSparsePanel)) return false;
  weights_.fill_zero();
  for (int64_t panel = 0; panel + 1 < static_cast<int64_t>(begins_.size()); ++panel) {
    for (int64_t block = begins_[static_cast<size_t>(panel)]; block < begins_[static_cast<size_t>(panel + 1)];
         ++block) {
      const int64_t first = panel * kSparsePanel, outputs = std::min(kSparsePanel, weight.n - first);
      for (int64_t i = 0; i < outputs; ++i) {
        weights_[block * kSparsePanel + i] = weight.at(first + i, inputs_[static_cast<size_t>(block)]);
      }
    }
  }
  if (!lane_biases(weight, lanes_in_order(weight.n), bias_)) return false;
  packed_ = {weight.k, weight.n, weights_.data(), inputs_.data(), begins_.data(), bias_.data()};
  return true;
}

}  // namespace sprat
