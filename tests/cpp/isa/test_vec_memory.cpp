// Loads and stores of simd/vec.h: every number of elements, every alignment, and not a byte beyond the array. Arrays
// end where an inaccessible page begins and begin where one ends, so that a touch outside is a crash; bytes of the
// array that a store must leave alone are compared.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "samples.h"
#include "simd/vec.h"

namespace sprat {
namespace {

// One page between two that cannot be touched.
class GuardedPage {
 public:
  GuardedPage() : size_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    void* pages = mmap(nullptr, 3 * size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) std::abort();
    begin_ = static_cast<unsigned char*>(pages) + size_;
    if (mprotect(begin_, size_, PROT_READ | PROT_WRITE) != 0) std::abort();
  }
  GuardedPage(const GuardedPage&) = delete;
  GuardedPage& operator=(const GuardedPage&) = delete;
  ~GuardedPage() { munmap(begin_ - size_, 3 * size_); }

  // An array of n that fills the page's first or last bytes.
  template <class T>
  T* at_begin() {
    return reinterpret_cast<T*>(begin_);
  }
  template <class T>
  T* at_end(int64_t n) {
    return reinterpret_cast<T*>(begin_ + size_) - n;
  }
  void fill(int byte) { std::memset(begin_, byte, size_); }
  bool is_filled(int byte, const void* except, size_t bytes) const {
    const auto* hole = static_cast<const unsigned char*>(except);
    for (const unsigned char* p = begin_; p != begin_ + size_; ++p) {
      if (p == hole) p += bytes;
      if (p == begin_ + size_) break;
      if (*p != byte) return false;
    }
    return true;
  }

 private:
  size_t size_;
  unsigned char* begin_;
};

constexpr int kUntouched = 0xa5;

// load(p, n) gives expected(element) in the lanes below n and zero above; E is what lies in memory.
template <class V, class E, class Load, class Expected>
void check_loads(GuardedPage& page, Load load, Expected expected) {
  for (int64_t n = -1; n <= kLanes<V> + 1; ++n) {
    const int64_t touched = n < 0 ? 0 : n < kLanes<V> ? n : kLanes<V>;
    for (const bool at_end : {false, true}) {
      E* p = at_end ? page.at_end<E>(touched) : page.at_begin<E>();
      for (int64_t i = 0; i < touched; ++i) p[i] = static_cast<E>(i * 37 + 100 + n);
      const V v = load(p, n);
      Scalar<V> lanes[kLanes<V>];
      store(lanes, v);
      for (int i = 0; i < kLanes<V>; ++i) CHECK_EQ(lanes[i], i < touched ? expected(p[i]) : Scalar<V>(0));
    }
  }
}

// store(p, v, n) writes expected(i) to p[i] for i below n, and nothing else.
template <class V, class E, class Store, class Expected>
void check_stores(GuardedPage& page, Store store_lanes, Expected expected) {
  for (int64_t n = -1; n <= kLanes<V> + 1; ++n) {
    const int64_t touched = n < 0 ? 0 : n < kLanes<V> ? n : kLanes<V>;
    for (const bool at_end : {false, true}) {
      page.fill(kUntouched);
      E* p = at_end ? page.at_end<E>(touched) : page.at_begin<E>();
      Scalar<V> lanes[kLanes<V>];
      for (int i = 0; i < kLanes<V>; ++i) lanes[i] = static_cast<Scalar<V>>(expected(i));
      store_lanes(p, load<V>(lanes), n);
      for (int64_t i = 0; i < touched; ++i) CHECK_EQ(p[i], static_cast<E>(expected(static_cast<int>(i))));
      CHECK(page.is_filled(kUntouched, p, static_cast<size_t>(touched) * sizeof(E)));
    }
  }
}

template <class V>
void test_values(GuardedPage& page) {
  using T = Scalar<V>;
  const auto same = [](T x) { return x; };
  check_loads<V, T>(
      page, [](const T* p, int64_t n) { return load_partial<V>(p, n); }, same);
  check_stores<V, T>(
      page, [](T* p, V v, int64_t n) { store_partial(p, v, n); }, [](int i) { return i * 11 - 40; });
  if constexpr (kLanes < V >> 1) {
    unsigned char bytes[2 * sizeof(V) + 1];
    for (size_t offset = 0; offset < sizeof(V); ++offset) {  // whole registers at every alignment
      std::memset(bytes, kUntouched, sizeof bytes);
      T* p = reinterpret_cast<T*>(bytes + offset);
      store(p, V(offset) + V(3));
      CHECK_EQ(bytes[offset + sizeof(V)], kUntouched);
      if (offset > 0) CHECK_EQ(bytes[offset - 1], kUntouched);
      T lanes[kLanes<V>];
      std::memcpy(lanes, p, sizeof lanes);
      for (T lane : lanes) CHECK_EQ(lane, static_cast<T>(offset + 3));
      store(lanes, load<V>(p));
      for (T lane : lanes) CHECK_EQ(lane, static_cast<T>(offset + 3));
    }
  }
}

template <class V>
void test_bytes(GuardedPage& page) {
  const auto number = [](auto byte) { return static_cast<Scalar<V>>(byte); };
  check_loads<V, int8_t>(
      page, [](const int8_t* p, int64_t n) { return load_i8_partial<V>(p, n); }, number);
  check_loads<V, uint8_t>(
      page, [](const uint8_t* p, int64_t n) { return load_u8_partial<V>(p, n); }, number);
  check_stores<V, int8_t>(
      page, [](int8_t* p, V v, int64_t n) { store_i8_partial(p, v, n); }, [](int i) { return i * 15 - 128; });
  check_stores<V, uint8_t>(
      page, [](uint8_t* p, V v, int64_t n) { store_u8_partial(p, v, n); }, [](int i) { return i * 16 + 15; });
  // Every byte value in every lane, by the whole-register words; stores round to even.
  for (int value = -128; value <= 255; ++value) {
    uint8_t bytes[kLanes<V> + 1];
    std::memset(bytes, value & 0xff, sizeof bytes);
    Scalar<V> lanes[kLanes<V>];
    if (value <= 127) {
      store(lanes, load_i8<V>(reinterpret_cast<int8_t*>(bytes)));
      for (Scalar<V> lane : lanes) CHECK_EQ(lane, value);
      store_i8(reinterpret_cast<int8_t*>(bytes), V(value));
      for (int i = 0; i <= kLanes<V>; ++i) CHECK_EQ(static_cast<int8_t>(bytes[i]), static_cast<int8_t>(value));
    }
    if (value >= 0) {
      store(lanes, load_u8<V>(bytes));
      for (Scalar<V> lane : lanes) CHECK_EQ(lane, value);
      store_u8(bytes, V(value));
      for (int i = 0; i <= kLanes<V>; ++i) CHECK_EQ(bytes[i], value);
    }
  }
  uint8_t rounded[kLanes<V>];
  store_u8(rounded, V(Scalar<V>(2.5)));
  CHECK_EQ(rounded[kLanes<V> - 1], 2);
  store_u8(rounded, V(Scalar<V>(3.5)));
  CHECK_EQ(rounded[0], 4);
}

template <class V>
void test_masks(GuardedPage& page) {
  const auto as_number = [](Mask<V> mask) { return select(mask, V(1), V(0)); };
  check_loads<V, uint8_t>(
      page, [&](const uint8_t* p, int64_t n) { return as_number(load_mask_u8_partial<V>(p, n)); },
      [](uint8_t byte) { return Scalar<V>(byte != 0); });
  check_stores<V, uint8_t>(
      page, [](uint8_t* p, V v, int64_t n) { store_mask_u8_partial(p, v != V(0), n); },
      [](int i) { return i % 3 == 0; });
  for (uint32_t pattern = 0; pattern < 1u << kLanes<V>; ++pattern) {
    uint8_t bytes[kLanes<V>];
    for (int i = 0; i < kLanes<V>; ++i) bytes[i] = static_cast<uint8_t>((pattern >> i & 1) * (i + 1));
    const Mask<V> mask = load_mask_u8<V>(bytes);
    CHECK_EQ(mask_bits(mask), pattern);
    CHECK_EQ(count(mask), __builtin_popcount(pattern));
    store_mask_u8(bytes, mask);
    for (int i = 0; i < kLanes<V>; ++i) CHECK_EQ(bytes[i], pattern >> i & 1);
  }
}

template <class V>
void test_all(GuardedPage& page) {
  test_values<V>(page);
  test_bytes<V>(page);
  test_masks<V>(page);
}

}  // namespace
}  // namespace sprat

int main() {
  if (!check::cpu_runs_this_build()) return check::kSkipped;
  sprat::GuardedPage page;
  sprat::test_all<float>(page);
  sprat::test_all<double>(page);
  sprat::test_all<sprat::Vec<float>>(page);
  sprat::test_all<sprat::Vec<double>>(page);
  sprat::test_values<sprat::Vec<int32_t>>(page);
  sprat::test_values<sprat::Vec<int64_t>>(page);
  return check::report();
}
