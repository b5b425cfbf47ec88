// One digest of the bits of every family of kernels, for every instruction set that this machine runs. Here they must
// agree with each other; tests/native compares what is printed with other machines, under emulation.
//
//   isa neon_dot                        the one that was chosen by itself
//   digest neon optimizers_float32 0123456789abcdef
//
// An argument is the number of threads, where time is short; else with three and with one.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "check.h"
#include "digest_arrays.h"
#include "digest_networks.h"
#include "sprat/sprat.h"

int main(int argc, char** argv) {
  std::vector<int> all_threads{3, 1};
  if (argc > 1) all_threads = {std::atoi(argv[1])};
  std::printf("isa %s\n", sprat_isa());
  std::map<std::string, uint64_t> first;
  for (int32_t i = 0; i < sprat_isa_count(); ++i) {
    const char* isa = sprat_isa_name(i);
    const bool supported = sprat_isa_supported(isa) != 0;
    CHECK_EQ(sprat_set_isa(isa), supported ? SPRAT_OK : SPRAT_UNSUPPORTED);
    if (!supported) {
      std::printf("refused %s: %s\n", isa, sprat_last_error());
      continue;
    }
    for (const int threads : all_threads) {
      CHECK_EQ(sprat_set_num_threads(threads), SPRAT_OK);
      std::vector<check::Digest> digests;
      check::digest_arrays(digests);
      check::digest_networks(digests);
      for (const auto& [family, digest] : digests) {
        CHECK_EQ(first.try_emplace(family, digest).first->second, digest);
        if (threads == all_threads.back())
          std::printf("digest %s %s %016llx\n", isa, family.c_str(), static_cast<unsigned long long>(digest));
      }
    }
  }
  return check::report();
}
