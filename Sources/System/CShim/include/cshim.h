/* What Swift cannot see of libc: macros, variadics, and calls behind _GNU_SOURCE. One function each, no logic. */
#ifndef CSHIM_H
#define CSHIM_H
#include <semaphore.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* errno, read before any Swift code can disturb it. */
int cshim_errno(void);
/* pthread_setname_np on the calling thread (at most 15 bytes). */
int cshim_set_thread_name(const char *name);
int cshim_eventfd(void);
/* Adds one; reads all. */
void cshim_eventfd_signal(int fd);
void cshim_eventfd_clear(int fd);
/* epoll_create1, close-on-exec; -1: there is none. */
int cshim_epoll(void);
/* EPOLL_CTL_ADD of a descriptor that is not looked at until it is armed. 0, or -1. */
int cshim_epoll_add(int epoll, int fd);
/* EPOLL_CTL_MOD: wakes one waiter once when the descriptor can be read; or no longer. */
void cshim_epoll_arm(int epoll, int fd);
void cshim_epoll_disarm(int epoll, int fd);
/* The same, for every waiter and for good. */
void cshim_epoll_arm_for_all(int epoll, int fd);
/* epoll_wait for one event, however long. -1: see errno. */
int cshim_epoll_wait(int epoll);
/* pipe2 with O_CLOEXEC. */
int cshim_pipe(int pair[2]);
/* memfd_create with MFD_CLOEXEC: a file without a name. */
int cshim_memory_file(void);
int cshim_pidfd_open(pid_t pid);
int cshim_pidfd_send_signal(int pidfd, int signal);
/* sem_clockwait with CLOCK_MONOTONIC. */
int cshim_sem_wait_until(sem_t *semaphore, const struct timespec *time);
/* prctl(PR_SET_NO_NEW_PRIVS), and PR_SET_PDEATHSIG with SIGKILL. */
int cshim_no_new_privileges(void);
int cshim_die_with_parent(void);
/* A handler that does nothing: calls fail with EPIPE, and programs that we execute have the default again, which they
 * would not have after SIG_IGN. */
int cshim_catch_sigpipe(void);
/* posix_spawn of a worker: its descriptors 0 to 3 are these, everything above is closed; a session of its own, default
 * signals, nothing blocked. The four must be above 3. Answers an errno; 0: *pid runs. */
int cshim_spawn_worker(pid_t *pid, const char *path, char *const argv[], char *const envp[], int null, int out, int err, int channel);
/* Of a status of waitpid: the exit code, or -1; the signal, or 0. */
int cshim_exit_code(int status);
int cshim_exit_signal(int status);
/* An inotify descriptor that becomes readable when files of the directory come, go or change; -1: it cannot be watched. */
int cshim_watch_directory(const char *path);
/* From now on SIGTERM, SIGINT and SIGHUP write their number into a pipe; answers its reading end. Once in a process. */
int cshim_catch_signals(void);
#endif
