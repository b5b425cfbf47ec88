/* What a Cortex-M runs before main, and how it ends: semihosting, which the emulator answers. */
#include <stdint.h>
#include <string.h>

extern uint32_t stack_top, data_load, data_begin, data_end, bss_begin, bss_end;
int main(void);

/* Arm IHI 0100 (semihosting): operation in r0, its parameter in r1. */
static int semihosting(int operation, const void* parameter) {
  register int r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = parameter;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static void leave(int status) {
  const uint32_t block[2] = {0x20026u, (uint32_t)status}; /* ADP_Stopped_ApplicationExit */
  semihosting(0x20, block);                               /* SYS_EXIT_EXTENDED */
  for (;;) {
  }
}

void say(const char* text) { semihosting(0x04, text); /* SYS_WRITE0 */ }

void reset(void) {
#if defined(__ARM_FP)
  *(volatile uint32_t*)0xe000ed88u |= 0xfu << 20; /* CPACR: let the floating-point unit be used */
  __asm__ volatile("dsb\n isb");
#endif
  memcpy(&data_begin, &data_load, (size_t)((char*)&data_end - (char*)&data_begin));
  memset(&bss_begin, 0, (size_t)((char*)&bss_end - (char*)&bss_begin));
  leave(main());
}

static void fault(void) { leave(99); }

__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {
    (void (*)(void))(&stack_top), reset, fault, fault, fault, fault, fault};
