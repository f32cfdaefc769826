#define _GNU_SOURCE
#include "clibvirtshim.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
   struct timespec time;
   clock_gettime(CLOCK_MONOTONIC, &time);
   return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int clibvirt_run(const char *const argv[], const char *const environment[], int timeout_ms, char *errors, size_t errors_size) {
   if (errors_size > 0) errors[0] = 0;
   int ends[2];
   if (pipe2(ends, O_CLOEXEC) < 0) return -1;
   posix_spawn_file_actions_t actions;
   posix_spawn_file_actions_init(&actions);
   posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
   posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
   posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
   posix_spawnattr_t attributes;
   posix_spawnattr_init(&attributes);
   sigset_t none;
   sigemptyset(&none);
   posix_spawnattr_setsigmask(&attributes, &none);
   posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
   pid_t child = -1;
   int failed = posix_spawn(&child, argv[0], &actions, &attributes, (char *const *)argv, (char *const *)environment);
   posix_spawn_file_actions_destroy(&actions);
   posix_spawnattr_destroy(&attributes);
   close(ends[1]);
   if (failed) {
      close(ends[0]);
      return -1;
   }
   int64_t end = now() + timeout_ms;
   size_t count = 0;
   int late = 0;
   for (;;) {
      int64_t left = end - now();
      struct pollfd poller = {.fd = ends[0], .events = POLLIN};
      if (left <= 0 || poll(&poller, 1, (int)left) == 0) {
         late = 1;
         break;
      }
      char buffer[512];
      ssize_t got = read(ends[0], buffer, sizeof buffer);
      if (got <= 0) break;
      for (ssize_t i = 0; i < got && count + 1 < errors_size; i++) errors[count++] = buffer[i];
   }
   if (errors_size > 0) errors[count] = 0;
   close(ends[0]);
   int status = 0;
   if (!late) {
      /* Its errors have ended; it may still take a moment to be gone. */
      pid_t gone;
      while ((gone = waitpid(child, &status, WNOHANG)) == 0 && now() < end) poll(NULL, 0, 1);
      late = gone == 0;
   }
   if (late) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return -2;
   }
   return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
