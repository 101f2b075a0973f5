/* SPDX-License-Identifier: MIT */
/*
 * measure FILE CMD...: runs CMD and writes "status cpu_us rss_kib wall_us" of it to
 * FILE. Small itself, since the kernel counts the peak of who forks as the child's.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

int
main(int argc, char **argv)
{
	double began = now_us();
	struct rusage u;
	int status;
	FILE *out;
	pid_t pid;

	if (argc < 3)
		return 2;
	pid = fork();
	if (pid == 0) {
		(void)execvp(argv[2], argv + 2); /* returns only if it fails */
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) != pid)
		return 1;
	out = fopen(argv[1], "w");
	if (!out)
		return 1;
	fprintf(out, "%d %.0f %ld %.0f\n",
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128,
	    (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec),
	    u.ru_maxrss, now_us() - began);
	return fclose(out) == 0 ? 0 : 1;
}
