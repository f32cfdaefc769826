/*
 * The shelf: machines in a file that survives anything. Every change is written beside it, synced and renamed into
 * place, under a lock that other processes honour; so after a crash the file holds all of a change or nothing of it.
 */
#ifndef SHELF_H
#define SHELF_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

typedef struct {
   long    id;
   char    key[64], name[128], node[32], image[256], state[16];
   long    millicpus, memory_mib, disk_gib;
   int64_t created_ms;
   int64_t ready_ms; /* until then it is still being built */
} machine_t;

typedef struct {
   char            path[4096];
   bool            sync;
   pthread_mutex_t mutex;
   int             lock_fd;
   machine_t      *machines; /* as the file has them; sorted by id */
   size_t          count, room;
   long            next_id;
   struct stat     seen; /* of the file that `machines` was read from */
} shelf_t;

/* Answers NULL, or what went wrong. */
const char *shelf_open(shelf_t *shelf, const char *path, bool sync);
void        shelf_close(shelf_t *shelf);

/* Takes the lock and reads the file if somebody changed it. Ends with shelf_unlock() where it answers NULL. */
const char *shelf_lock(shelf_t *shelf);
void        shelf_unlock(shelf_t *shelf);

/* Makes the change durable. The lock is held. */
const char *shelf_save(shelf_t *shelf);

/* Whether the file is another one than we know: somebody else writes to it. */
bool shelf_changed(shelf_t *shelf);

machine_t *shelf_find(shelf_t *shelf, long id);
machine_t *shelf_find_key(shelf_t *shelf, const char *key);
machine_t *shelf_add(shelf_t *shelf);
void       shelf_remove(shelf_t *shelf, machine_t *machine);

/* Real time in milliseconds since 1970. */
int64_t now_ms(void);

#endif
