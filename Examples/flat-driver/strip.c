#define _GNU_SOURCE
#include "strip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

typedef struct {
   bool on;
   char label[31];
} outlet_t;

/* Opens the strip and locks it, since several programs may use it; a new one has all outlets off. */
static int connect_to(outlet_t outlets[STRIP_OUTLETS]) {
   const char *path = getenv("STRIP_FILE");
   if (!path) return errno = ENODEV, -1;
   int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
   if (file < 0) return -1;
   memset(outlets, 0, STRIP_OUTLETS * sizeof *outlets);
   if (flock(file, LOCK_EX) == 0 && pread(file, outlets, STRIP_OUTLETS * sizeof *outlets, 0) >= 0) return file;
   close(file);
   return -1;
}

static int32_t store(int file, const outlet_t outlets[STRIP_OUTLETS]) {
   ssize_t size   = STRIP_OUTLETS * sizeof *outlets;
   int32_t result = pwrite(file, outlets, (size_t)size, 0) == size && fsync(file) == 0 ? 0 : errno ? errno : EIO;
   close(file);
   return result;
}

static bool exists(uint16_t outlet) { return outlet >= 1 && outlet <= STRIP_OUTLETS; }

int32_t strip_outlets(void) {
   outlet_t outlets[STRIP_OUTLETS];
   int      file = connect_to(outlets);
   if (file < 0) return 0;
   close(file);
   return STRIP_OUTLETS;
}

int32_t strip_switch(uint16_t outlet, bool on) {
   outlet_t outlets[STRIP_OUTLETS];
   if (!exists(outlet)) return EINVAL;
   int file = connect_to(outlets);
   if (file < 0) return errno;
   outlets[outlet - 1].on = on;
   return store(file, outlets);
}

int32_t strip_measure(uint16_t outlet, bool *on, double *watts) {
   outlet_t outlets[STRIP_OUTLETS];
   if (!exists(outlet)) return EINVAL;
   int file = connect_to(outlets);
   if (file < 0) return errno;
   close(file);
   *on    = outlets[outlet - 1].on;
   *watts = *on ? 40.0 + 2.5 * outlet : 0.0;
   return 0;
}

int32_t strip_set_label(uint16_t outlet, const char *label) {
   outlet_t outlets[STRIP_OUTLETS];
   if (!exists(outlet) || strlen(label) >= sizeof outlets->label) return EINVAL;
   int file = connect_to(outlets);
   if (file < 0) return errno;
   memset(outlets[outlet - 1].label, 0, sizeof outlets->label);
   memcpy(outlets[outlet - 1].label, label, strlen(label));
   return store(file, outlets);
}

const char *strip_label(uint16_t outlet) {
   static _Thread_local outlet_t outlets[STRIP_OUTLETS];
   if (!exists(outlet)) return NULL;
   int file = connect_to(outlets);
   if (file < 0) return NULL;
   close(file);
   outlets[outlet - 1].label[sizeof outlets->label - 1] = 0;
   return outlets[outlet - 1].label;
}
