// Parameter structs that have grown, seen from older and newer callers.
#include "api/params.h"

#include <string>

#include "check.h"

namespace {

// A struct as ABI version 1 had it, as it is, and as a later library may have it.
struct First {
  size_t size;
  int64_t a;
};
struct Now {
  size_t size;
  int64_t a, b;
};
struct Later {
  size_t size;
  int64_t a, b, c;
};

}  // namespace

template <>
inline constexpr size_t sprat::kFirstSize<Now> = sizeof(First);

namespace {

template <class Given>
const Now* taken_from(const Given& given, Now& copy) {
  const auto* pointer = reinterpret_cast<const Now*>(&given);
  const sprat::Params taken(pointer);
  if (pointer != reinterpret_cast<const Now*>(&given)) copy = *pointer;
  return pointer == reinterpret_cast<const Now*>(&given) ? pointer : &copy;
}

void test_params() {
  Now copy{};
  const Now now{sizeof now, 1, 2};
  CHECK(taken_from(now, copy) == &now);
  const First first{sizeof first, 1};
  const Now* taken = taken_from(first, copy);
  CHECK_EQ(taken->size, sizeof(Now));
  CHECK_EQ(taken->a, 1);
  CHECK_EQ(taken->b, 0);
  const Later unused{sizeof unused, 3, 4, 0};
  taken = taken_from(unused, copy);
  CHECK_EQ(taken->size, sizeof(Now));
  CHECK_EQ(taken->b, 4);
  // What the check of the size then refuses.
  const Later used{sizeof used, 3, 4, 5};
  CHECK_EQ(taken_from(used, copy)->size, sizeof(Later));
  const First small{sizeof small - 1, 1};
  CHECK_EQ(taken_from(small, copy)->size, sizeof(First) - 1);
  const First never_set{SIZE_MAX, 1};
  CHECK_EQ(taken_from(never_set, copy)->size, SIZE_MAX);
  const Now* null = nullptr;
  const sprat::Params none(null);
  CHECK(null == nullptr);
}

void test_result() {
  Later later{sizeof later, 1, 2, 3};
  {
    sprat::Result taken(reinterpret_cast<Now*>(&later));
    CHECK(taken && taken.whole.a == 1);
    taken.whole.b = 7;
  }
  CHECK(later.size == sizeof later && later.b == 7 && later.c == 3);
  First first{sizeof first, 1};
  {
    sprat::Result taken(reinterpret_cast<Now*>(&first));
    CHECK(taken && taken.whole.b == 0);
    taken.whole.a = 5;
  }
  CHECK(first.size == sizeof first && first.a == 5);
  first.size = 3;
  CHECK(!sprat::Result(reinterpret_cast<Now*>(&first)));
}

// A real one: a program of a newer header, which uses nothing that is new.
void test_a_larger_quantizer() {
  struct {
    sprat_quantizer known;
    int64_t unknown;
  } larger{};
  const float scale = 0.5f, x[2] = {1, -3};
  int8_t q[2] = {};
  larger.known = {sizeof larger, SPRAT_FLOAT32, SPRAT_INT8, -128, 127, 1, 1, 2, &scale, nullptr};
  CHECK_EQ(sprat_quantize(&larger.known, x, q), SPRAT_OK);
  CHECK_EQ(q[1], -6);
  larger.unknown = 1;
  CHECK_EQ(sprat_quantize(&larger.known, x, q), SPRAT_INVALID_ARGUMENT);
}

}  // namespace

int main() {
  test_params();
  test_result();
  test_a_larger_quantizer();
  return check::report();
}
