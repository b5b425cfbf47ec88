/* Counts every allocation of the process while four threads predict: in the steady state there is none.
 *   steady model.safetensors ...  */
#include <pthread.h>
#include <sprat/sprat.h>
#include <stdio.h>
#include <stdlib.h>

/* In the place of the C library's, for the shared library too. */
extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* memory, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);
static long allocations = 0;
static void count(void) { __atomic_fetch_add(&allocations, 1, __ATOMIC_SEQ_CST); }
void* malloc(size_t size) { return count(), __libc_malloc(size); }
void* calloc(size_t number, size_t size) { return count(), __libc_calloc(number, size); }
void* realloc(void* memory, size_t size) { return count(), __libc_realloc(memory, size); }
void* memalign(size_t alignment, size_t size) { return count(), __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return count(), __libc_memalign(alignment, size); }
int posix_memalign(void** memory, size_t alignment, size_t size) {
  count();
  *memory = __libc_memalign(alignment, size);
  return *memory ? 0 : 12;
}

enum { kThreads = 4, kRounds = 500, kMostFeatures = 64, kRows = 40 };
static const sprat_predictor* predictor;
static pthread_barrier_t barrier;

static void run(int64_t rows) {
  static __thread double x[kRows * kMostFeatures], out[kRows * kMostFeatures];
  if (sprat_predictor_run(predictor, x, rows, out)) {
    printf("%s\n", sprat_last_error());
    exit(1);
  }
}

static void* serve(void* unused) {
  (void)unused;
  for (int i = 0; i < 3; ++i) run(1), run(kRows);
  pthread_barrier_wait(&barrier); /* all are warm: the caller looks at the count */
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < kRounds; ++i) run(1), run(kRows);
  pthread_barrier_wait(&barrier); /* and looks again */
  pthread_barrier_wait(&barrier);
  return NULL;
}

int main(int argc, char** argv) {
  sprat_set_num_threads(1);
  for (int i = 1; i < argc; ++i) {
    sprat_model* model = NULL;
    sprat_predictor* made = NULL;
    pthread_t threads[kThreads];
    if (sprat_model_load_file(argv[i], &model) || sprat_predictor_create_model(model, &made)) {
      printf("%s\n", sprat_last_error());
      return 1;
    }
    predictor = made;
    if (sprat_predictor_in_features(made) > kMostFeatures || sprat_predictor_out_features(made) > kMostFeatures)
      return 2;
    pthread_barrier_init(&barrier, NULL, kThreads + 1);
    const long at_first = allocations;
    for (int t = 0; t < kThreads; ++t) pthread_create(&threads[t], NULL, serve, NULL);
    pthread_barrier_wait(&barrier);
    const long before = allocations;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    const long after = allocations;
    pthread_barrier_wait(&barrier);
    for (int t = 0; t < kThreads; ++t) pthread_join(threads[t], NULL);
    pthread_barrier_destroy(&barrier);
    printf("%s: %ld allocations, %ld to get warm\n", argv[i], after - before, before - at_first);
    if (after != before || before == at_first) return 1; /* warming up is seen, so counting works */
    sprat_predictor_destroy(made);
    sprat_model_destroy(model);
  }
  return 0;
}
