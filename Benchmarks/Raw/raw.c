#define _GNU_SOURCE
#include "rawbench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
   struct timespec time;
   clock_gettime(CLOCK_MONOTONIC, &time);
   return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t raw_direct(raw_function_t function, void *handle, const void *call, const char *id, int count) {
   raw_function_t volatile through = function;
   volatile int32_t sink = 0;
   int64_t start = now();
   for (int i = 0; i < count; i++) sink = through(handle, call, id);
   (void)sink;
   return now() - start;
}

static int take(int socket, char *buffer, size_t size) {
   for (size_t got = 0; got < size;) {
      ssize_t count = recv(socket, buffer, size - got, 0);
      if (count > 0) got += (size_t)count;
      else if (count == 0 || errno != EINTR) return count == 0 ? EPIPE : errno;
   }
   return 0;
}

static int give(int socket, const char *buffer, size_t size) {
   for (size_t sent = 0; sent < size;) {
      ssize_t count = send(socket, buffer, size - sent, MSG_NOSIGNAL);
      if (count > 0) sent += (size_t)count;
      else if (errno != EINTR) return errno;
   }
   return 0;
}

int raw_echo_start(raw_echo_t *echo, size_t request, size_t reply) {
   int pair[2];
   if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return errno;
   char *buffer = calloc(1, request > reply ? request : reply);
   if (!buffer) return ENOMEM;
   pid_t child = fork();
   if (child < 0) return errno;
   if (child == 0) {
      close(pair[0]);
      while (take(pair[1], buffer, request) == 0 && give(pair[1], buffer, reply) == 0) {}
      _exit(0);
   }
   free(buffer);
   close(pair[1]);
   *echo = (raw_echo_t){pair[0], child, request, reply};
   return 0;
}

int raw_echo_measure(raw_echo_t *echo, int64_t *nanoseconds, int count) {
   char *buffer = calloc(1, echo->request > echo->reply ? echo->request : echo->reply);
   if (!buffer) return ENOMEM;
   int error = 0;
   for (int i = 0; i < count && !error; i++) {
      int64_t start = now();
      error         = give(echo->socket, buffer, echo->request);
      if (!error) error = take(echo->socket, buffer, echo->reply);
      nanoseconds[i] = now() - start;
   }
   free(buffer);
   return error;
}

void raw_echo_stop(raw_echo_t *echo) {
   close(echo->socket);
   waitpid(echo->process, NULL, 0);
}

int64_t raw_run(const char *program, char *const arguments[], int *status) {
   static char *const nothing[] = {NULL};
   posix_spawn_file_actions_t actions;
   posix_spawn_file_actions_init(&actions);
   posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
   pid_t   child;
   int64_t start = now();
   int     error = posix_spawn(&child, program, &actions, NULL, arguments, nothing);
   posix_spawn_file_actions_destroy(&actions);
   if (error) return -error;
   while (waitpid(child, status, 0) < 0 && errno == EINTR) {}
   return now() - start;
}
