/* Counts what a call of subject() takes on an emulated Cortex-M: instructions (qemu -icount shift=0: one instruction is
 * one nanosecond, a tick of the 25 MHz SysTick forty) and stack (painted before, read after). Says "instructions
 * stack". */
#include <stdint.h>

#ifndef CALLS
#define CALLS 100
#endif
#define PAINTED 2048u

void say(const char* text);
void subject(void);
void nothing(void);

static volatile uint32_t* const control = (volatile uint32_t*)0xe000e010u;

__attribute__((noinline)) void nothing(void) { __asm__ volatile(""); }

static void say_number(uint32_t number) {
  char text[12];
  uint32_t at = 11;
  text[at] = 0;
  do {
    text[--at] = (char)('0' + number % 10u);
    number /= 10u;
  } while (number != 0);
  say(text + at);
  say(" ");
}

static uint32_t ticks_of(void (*call)(void)) {
  uint32_t i, begin;
  control[1] = 0xffffffu;
  control[2] = 0;
  control[0] = 5u;
  begin = control[2];
  for (i = 0; i < CALLS; ++i) call();
  return (begin - control[2]) & 0xffffffu;
}

__attribute__((noinline)) static uint32_t stack_of(void (*call)(void)) {
  uint32_t here, i;
  volatile uint32_t* bottom;
  __asm__ volatile("mov %0, sp" : "=r"(here));
  bottom = (volatile uint32_t*)(here - 4u * PAINTED);
  for (i = 0; i < PAINTED; ++i) bottom[i] = 0x5a5a5a5au;
  call();
  for (i = 0; i < PAINTED && bottom[i] == 0x5a5a5a5au; ++i) {
  }
  return 4u * (PAINTED - i);
}

int main(void) {
  const uint32_t ticks = ticks_of(subject) - ticks_of(nothing);
  say_number((uint32_t)(((uint64_t)ticks * 40u + CALLS / 2u) / CALLS));
  say_number(stack_of(subject));
  return 0;
}
