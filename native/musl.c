/*
 * Functions that a libstdc++ built for glibc 2.36 calls and musl lacks. They are linked only into
 * the prebuilt files for musl (scripts/prebuild/musl.mjs).
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

/* 0: atomic operations are needed, which is always right. */
char __libc_single_threaded = 0;

/* -1: the unwinder asks dl_iterate_phdr() instead. */
int _dl_find_object(void *address, void *result) {
  (void)address;
  (void)result;
  return -1;
}

uint32_t arc4random(void) {
  uint32_t number;
  if (getrandom(&number, sizeof number, 0) != sizeof number) abort();
  return number;
}
