#define _GNU_SOURCE
#include "shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* One line a machine: numbers, then words separated by tabs. Tabs and newlines never stand in the words. */
#define HEAD "inventory 1 %ld\n"

int64_t now_ms(void) {
   struct timespec now;
   clock_gettime(CLOCK_REALTIME, &now);
   return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *shelf_open(shelf_t *shelf, const char *path, bool sync) {
   char lock[4200];
   memset(shelf, 0, sizeof *shelf);
   shelf->next_id = 1;
   shelf->sync    = sync;
   if (strlen(path) >= sizeof shelf->path) return "config.file is too long";
   strcpy(shelf->path, path);
   snprintf(lock, sizeof lock, "%s.lock", path);
   shelf->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
   if (shelf->lock_fd < 0) return strerror(errno);
   pthread_mutex_init(&shelf->mutex, NULL);
   return NULL;
}

void shelf_close(shelf_t *shelf) {
   close(shelf->lock_fd);
   free(shelf->machines);
   pthread_mutex_destroy(&shelf->mutex);
}

static bool same(const struct stat *left, const struct stat *right) {
   return left->st_ino == right->st_ino && left->st_dev == right->st_dev && left->st_size == right->st_size &&
          left->st_mtim.tv_sec == right->st_mtim.tv_sec && left->st_mtim.tv_nsec == right->st_mtim.tv_nsec;
}

static const char *load(shelf_t *shelf) {
   struct stat now;
   if (stat(shelf->path, &now) != 0) {
      if (errno != ENOENT) return strerror(errno);
      shelf->count = 0;
      memset(&shelf->seen, 0, sizeof shelf->seen);
      return NULL;
   }
   if (same(&now, &shelf->seen)) return NULL;
   FILE *file = fopen(shelf->path, "re");
   if (!file) return strerror(errno);
   shelf->count = 0;
   if (fscanf(file, HEAD, &shelf->next_id) != 1) {
      fclose(file);
      return "the file is no inventory";
   }
   char   *line = NULL;
   size_t  room = 0;
   ssize_t length;
   while ((length = getline(&line, &room, file)) > 0) {
      machine_t machine = {0};
      int       fields =
         sscanf(line, "%ld %ld %ld %ld %" SCNd64 " %" SCNd64 "\t%63[^\t]\t%15[^\t]\t%31[^\t]\t%127[^\t]\t%255[^\t\n]", &machine.id,
                &machine.millicpus, &machine.memory_mib, &machine.disk_gib, &machine.created_ms, &machine.ready_ms, machine.key,
                machine.state, machine.node, machine.name, machine.image);
      if (fields != 11) {
         free(line);
         fclose(file);
         return "a line of the inventory is broken";
      }
      if (strcmp(machine.image, "-") == 0) machine.image[0] = 0;
      machine_t *added = shelf_add(shelf);
      if (added) *added = machine;
   }
   free(line);
   fclose(file);
   shelf->seen = now;
   return NULL;
}

const char *shelf_lock(shelf_t *shelf) {
   pthread_mutex_lock(&shelf->mutex);
   while (flock(shelf->lock_fd, LOCK_EX) != 0)
      if (errno != EINTR) {
         pthread_mutex_unlock(&shelf->mutex);
         return strerror(errno);
      }
   const char *problem = load(shelf);
   if (problem) {
      memset(&shelf->seen, 0, sizeof shelf->seen);
      shelf_unlock(shelf);
   }
   return problem;
}

void shelf_unlock(shelf_t *shelf) {
   flock(shelf->lock_fd, LOCK_UN);
   pthread_mutex_unlock(&shelf->mutex);
}

static const char *sync_directory(const char *path) {
   char directory[4096];
   strcpy(directory, path);
   char *slash = strrchr(directory, '/');
   if (slash) slash[slash == directory ? 1 : 0] = 0;
   int fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
   if (fd < 0) return strerror(errno);
   const char *problem = fsync(fd) == 0 ? NULL : strerror(errno);
   close(fd);
   return problem;
}

const char *shelf_save(shelf_t *shelf) {
   char temporary[4200];
   snprintf(temporary, sizeof temporary, "%s.new", shelf->path);
   FILE *file = fopen(temporary, "we");
   if (!file) return strerror(errno);
   fprintf(file, HEAD, shelf->next_id);
   for (size_t i = 0; i < shelf->count; i++) {
      const machine_t *machine = &shelf->machines[i];
      fprintf(file, "%ld %ld %ld %ld %" PRId64 " %" PRId64 "\t%s\t%s\t%s\t%s\t%s\n", machine->id, machine->millicpus, machine->memory_mib,
              machine->disk_gib, machine->created_ms, machine->ready_ms, machine->key, machine->state, machine->node, machine->name,
              machine->image[0] ? machine->image : "-");
   }
   bool good = fflush(file) == 0 && !ferror(file) && (!shelf->sync || fsync(fileno(file)) == 0);
   int  why  = errno;
   good      = fclose(file) == 0 && good;
   if (!good || rename(temporary, shelf->path) != 0) {
      memset(&shelf->seen, 0, sizeof shelf->seen); /* what we have in memory did not happen: read again */
      return strerror(good ? errno : why);
   }
   if (stat(shelf->path, &shelf->seen) != 0) memset(&shelf->seen, 0, sizeof shelf->seen);
   return shelf->sync ? sync_directory(shelf->path) : NULL;
}

bool shelf_changed(shelf_t *shelf) {
   struct stat now;
   pthread_mutex_lock(&shelf->mutex);
   bool changed = stat(shelf->path, &now) == 0 && !same(&now, &shelf->seen);
   pthread_mutex_unlock(&shelf->mutex);
   return changed;
}

machine_t *shelf_find(shelf_t *shelf, long id) {
   size_t low = 0, high = shelf->count;
   while (low < high) {
      size_t middle = (low + high) / 2;
      if (shelf->machines[middle].id < id)
         low = middle + 1;
      else
         high = middle;
   }
   return low < shelf->count && shelf->machines[low].id == id ? &shelf->machines[low] : NULL;
}

machine_t *shelf_find_key(shelf_t *shelf, const char *key) {
   for (size_t i = 0; i < shelf->count; i++)
      if (strcmp(shelf->machines[i].key, key) == 0) return &shelf->machines[i];
   return NULL;
}

machine_t *shelf_add(shelf_t *shelf) {
   if (shelf->count == shelf->room) {
      size_t     room = shelf->room ? shelf->room * 2 : 64;
      machine_t *more = realloc(shelf->machines, room * sizeof *more);
      if (!more) return NULL;
      shelf->machines = more;
      shelf->room     = room;
   }
   machine_t *machine = &shelf->machines[shelf->count++];
   memset(machine, 0, sizeof *machine);
   return machine;
}

void shelf_remove(shelf_t *shelf, machine_t *machine) {
   size_t index = (size_t)(machine - shelf->machines);
   memmove(machine, machine + 1, (shelf->count - index - 1) * sizeof *machine);
   shelf->count--;
}
