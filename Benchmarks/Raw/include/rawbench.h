/* What is measured against: the same thing done bare, in C. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* The shape of a call of the ABI: a handle, a call, and a text. */
typedef int32_t (*raw_function_t)(void *handle, const void *call, const char *id);

/* Calls a function so many times through its pointer; answers nanoseconds for all of them. */
int64_t raw_direct(raw_function_t function, void *handle, const void *call, const char *id, int count);

/* Another process that answers each `request` bytes on a socket pair with `reply` bytes. */
typedef struct {
   int    socket, process;
   size_t request, reply;
} raw_echo_t;

/* Forks it. 0, or an errno. */
int raw_echo_start(raw_echo_t *echo, size_t request, size_t reply);
/* Makes so many round trips, one after another, and stores the nanoseconds of each. 0, or an errno. */
int raw_echo_measure(raw_echo_t *echo, int64_t *nanoseconds, int count);
void raw_echo_stop(raw_echo_t *echo);

/* fork and exec of a program with empty environment and its output thrown away, waited for; the nanoseconds, or -errno. */
int64_t raw_run(const char *program, char *const arguments[], int *status);
