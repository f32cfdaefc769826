/* What Swift cannot see of libc: macros, variadics, and calls behind _GNU_SOURCE. One function each, no logic. */
#ifndef CSHIM_H
#define CSHIM_H
#include <stdint.h>
#include <sys/types.h>

/* errno, read before any Swift code can disturb it. */
int cshim_errno(void);
/* pthread_setname_np on the calling thread (at most 15 bytes). */
int cshim_set_thread_name(const char *name);
int cshim_eventfd(void);
int cshim_pidfd_open(pid_t pid);
int cshim_pidfd_send_signal(int pidfd, int signal);
#endif
