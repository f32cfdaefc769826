#define _GNU_SOURCE
#include "cshim.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int cshim_errno(void) { return errno; }
int cshim_set_thread_name(const char *name) { return pthread_setname_np(pthread_self(), name); }
int cshim_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
int cshim_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

static int control(int epoll, int operation, int fd, uint32_t events)
{
   struct epoll_event event = {.events = events, .data.fd = fd};
   return epoll_ctl(epoll, operation, fd, &event);
}

/* EPOLLONESHOT without anything else: hang-ups are not told either. */
int cshim_epoll_add(int epoll, int fd) { return control(epoll, EPOLL_CTL_ADD, fd, 0) == 0 ? control(epoll, EPOLL_CTL_MOD, fd, EPOLLONESHOT) : -1; }
void cshim_epoll_arm(int epoll, int fd) { control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT); }
void cshim_epoll_disarm(int epoll, int fd) { control(epoll, EPOLL_CTL_MOD, fd, EPOLLONESHOT); }
void cshim_epoll_arm_for_all(int epoll, int fd) { control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN); }

int cshim_epoll_wait(int epoll)
{
   struct epoll_event event;
   return epoll_wait(epoll, &event, 1, -1);
}

int cshim_pipe(int pair[2]) { return pipe2(pair, O_CLOEXEC); }
int cshim_memory_file(void) { return memfd_create("berth", MFD_CLOEXEC); }
int cshim_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
int cshim_pidfd_send_signal(int pidfd, int signal) { return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, 0, 0); }
int cshim_sem_wait_until(sem_t *semaphore, const struct timespec *time) { return sem_clockwait(semaphore, CLOCK_MONOTONIC, time); }
int cshim_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
int cshim_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }
int cshim_exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }
int cshim_exit_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

static void ignore(int signal) { (void)signal; }

int cshim_catch_sigpipe(void)
{
   struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
   return sigaction(SIGPIPE, &action, NULL);
}

int cshim_spawn_worker(pid_t *pid, const char *path, char *const argv[], char *const envp[], int null, int out, int err, int channel)
{
   posix_spawn_file_actions_t files;
   posix_spawnattr_t attributes;
   sigset_t none, all;
   int failure;

   sigemptyset(&none);
   sigfillset(&all);
   if ((failure = posix_spawn_file_actions_init(&files)) != 0) return failure;
   if ((failure = posix_spawnattr_init(&attributes)) != 0) {
      posix_spawn_file_actions_destroy(&files);
      return failure;
   }
   if ((failure = posix_spawn_file_actions_adddup2(&files, null, 0)) == 0 &&
       (failure = posix_spawn_file_actions_adddup2(&files, out, 1)) == 0 &&
       (failure = posix_spawn_file_actions_adddup2(&files, err, 2)) == 0 &&
       (failure = posix_spawn_file_actions_adddup2(&files, channel, 3)) == 0 &&
       (failure = posix_spawn_file_actions_addclosefrom_np(&files, 4)) == 0 &&
       (failure = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
       (failure = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
       (failure = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) == 0)
      failure = posix_spawn(pid, path, &files, &attributes, argv, envp);
   posix_spawnattr_destroy(&attributes);
   posix_spawn_file_actions_destroy(&files);
   return failure;
}

void cshim_eventfd_signal(int fd)
{
   eventfd_write(fd, 1);
}

void cshim_eventfd_clear(int fd)
{
   eventfd_t count;
   eventfd_read(fd, &count);
}

int cshim_watch_directory(const char *path)
{
   int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
   if (fd >= 0 && inotify_add_watch(fd, path, IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR) < 0) {
      close(fd);
      return -1;
   }
   return fd;
}

static int signal_pipe = -1;

static void tell(int signal)
{
   int saved = errno;
   unsigned char number = (unsigned char)signal;
   if (write(signal_pipe, &number, 1) < 0) { /* a full pipe holds enough of them */
   }
   errno = saved;
}

int cshim_catch_signals(void)
{
   int pair[2];
   if (signal_pipe >= 0 || pipe2(pair, O_CLOEXEC) != 0) return -1;
   fcntl(pair[1], F_SETFL, O_NONBLOCK);
   signal_pipe = pair[1];
   struct sigaction action = {.sa_handler = tell, .sa_flags = SA_RESTART};
   sigaction(SIGTERM, &action, NULL);
   sigaction(SIGINT, &action, NULL);
   sigaction(SIGHUP, &action, NULL);
   return pair[0];
}
