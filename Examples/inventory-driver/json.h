/* Just enough JSON for a driver: read fields of one object, write strings. No allocation. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>

/* A value inside a text that somebody else owns. */
typedef struct {
   const char *start;
   size_t      size;
} json_t;

/* The field `name` of the object in `text`. False: no such field, or it is null. */
bool json_field(json_t text, const char *name, json_t *value);

/* The string, unescaped and NUL-terminated, or false where it is none or does not fit. */
bool json_string(json_t value, char *buffer, size_t size);

/* The number, or false where it is none. */
bool json_number(json_t value, double *number);

/* Writes `string` in quotes, escaped. Answers the bytes written, without the NUL; at most `size` - 1. */
size_t json_quote(const char *string, char *buffer, size_t size);

#endif
