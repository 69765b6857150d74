// SPDX-License-Identifier: MIT OR GPL-2.0
/* Process 1 of the machine of dmar.test.ts: loads /card.ko with each mistake, and switches off. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	const char *options[] = { "wrong=nothing", "wrong=read", "wrong=write" };
	int file = open("/card.ko", O_RDONLY);

	for (int i = 0; i < 3; i++) {
		long failed = syscall(SYS_finit_module, file, options[i], 0);

		printf("init: %s %ld\n", options[i], failed);
		fflush(stdout);
		syscall(SYS_delete_module, "card", 0);
	}
	reboot(RB_POWER_OFF);
}
