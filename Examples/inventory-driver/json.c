#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
   const char *at, *end;
} reader_t;

static void space(reader_t *reader) {
   while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at) reader->at++;
}

static bool take(reader_t *reader, char wanted) {
   space(reader);
   if (reader->at >= reader->end || *reader->at != wanted) return false;
   reader->at++;
   return true;
}

static bool skip_string(reader_t *reader) {
   if (!take(reader, '"')) return false;
   while (reader->at < reader->end && *reader->at != '"') reader->at += *reader->at == '\\' ? 2 : 1;
   return take(reader, '"');
}

/* Skips one value: the host only sends valid JSON, so counting brackets outside of strings is enough. */
static bool skip_value(reader_t *reader) {
   int depth = 0;
   space(reader);
   while (reader->at < reader->end) {
      char byte = *reader->at;
      if (byte == '"') {
         if (!skip_string(reader)) return false;
      } else if (byte == '{' || byte == '[') {
         depth++;
         reader->at++;
      } else if (byte == '}' || byte == ']') {
         if (depth == 0) return true;
         depth--;
         reader->at++;
      } else if (byte == ',' && depth == 0) {
         return true;
      } else {
         reader->at++;
      }
      if (depth == 0 && (byte == '"' || byte == '}' || byte == ']')) return true;
   }
   return depth == 0;
}

bool json_field(json_t text, const char *name, json_t *value) {
   reader_t reader = {text.start, text.start + text.size};
   if (!text.start || !take(&reader, '{')) return false;
   while (!take(&reader, '}')) {
      space(&reader);
      json_t key = {reader.at, 0};
      if (!skip_string(&reader) || !take(&reader, ':')) return false;
      key.size = (size_t)(reader.at - key.start);
      space(&reader);
      const char *start = reader.at;
      if (!skip_value(&reader)) return false;
      size_t size = (size_t)(reader.at - start);
      if (key.size > strlen(name) + 2 && memcmp(key.start + 1, name, strlen(name)) == 0 && key.start[strlen(name) + 1] == '"') {
         *value = (json_t){start, size};
         return !(size >= 4 && memcmp(start, "null", 4) == 0);
      }
      take(&reader, ',');
   }
   return false;
}

static size_t put_scalar(unsigned long scalar, char *out) {
   if (scalar < 0x80) return out[0] = (char)scalar, 1;
   if (scalar < 0x800) return out[0] = (char)(0xC0 | scalar >> 6), out[1] = (char)(0x80 | (scalar & 63)), 2;
   if (scalar < 0x10000)
      return out[0] = (char)(0xE0 | scalar >> 12), out[1] = (char)(0x80 | (scalar >> 6 & 63)), out[2] = (char)(0x80 | (scalar & 63)), 3;
   return out[0] = (char)(0xF0 | scalar >> 18), out[1] = (char)(0x80 | (scalar >> 12 & 63)), out[2] = (char)(0x80 | (scalar >> 6 & 63)),
          out[3] = (char)(0x80 | (scalar & 63)), 4;
}

static bool hex(reader_t *reader, unsigned long *value) {
   char digits[5] = {0};
   if (reader->end - reader->at < 4) return false;
   memcpy(digits, reader->at, 4);
   if (strspn(digits, "0123456789abcdefABCDEF") != 4) return false;
   *value = strtoul(digits, NULL, 16);
   reader->at += 4;
   return true;
}

bool json_string(json_t value, char *buffer, size_t size) {
   static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
   reader_t          reader    = {value.start, value.start + value.size};
   size_t            used      = 0;
   if (!take(&reader, '"')) return false;
   while (reader.at < reader.end && *reader.at != '"') {
      if (used + 5 > size) return false;
      if (*reader.at != '\\') {
         buffer[used++] = *reader.at++;
         continue;
      }
      if (++reader.at >= reader.end) return false;
      char escape = *reader.at++;
      if (escape == 'u') {
         unsigned long scalar, low;
         if (!hex(&reader, &scalar)) return false;
         if (scalar >= 0xD800 && scalar < 0xDC00) {
            if (reader.end - reader.at < 6 || *reader.at++ != '\\' || *reader.at++ != 'u' || !hex(&reader, &low)) return false;
            scalar = 0x10000 + ((scalar - 0xD800) << 10) + (low - 0xDC00);
         }
         used += put_scalar(scalar, buffer + used);
         continue;
      }
      const char *found = NULL;
      for (const char *pair = escapes; *pair; pair += 2)
         if (*pair == escape) found = pair;
      if (!found) return false;
      buffer[used++] = found[1];
   }
   buffer[used] = 0;
   return true;
}

bool json_number(json_t value, double *number) {
   char text[64];
   if (value.size == 0 || value.size >= sizeof text || !strchr("-0123456789", *value.start)) return false;
   memcpy(text, value.start, value.size);
   text[value.size] = 0;
   *number          = strtod(text, NULL);
   return true;
}

size_t json_quote(const char *string, char *buffer, size_t size) {
   size_t used    = 0;
   buffer[used++] = '"';
   for (const char *at = string; *at && used + 8 < size; at++) {
      unsigned char byte = (unsigned char)*at;
      if (byte == '"' || byte == '\\') {
         buffer[used++] = '\\';
         buffer[used++] = (char)byte;
      } else if (byte < 0x20) {
         used += (size_t)snprintf(buffer + used, size - used, "\\u%04x", byte);
      } else {
         buffer[used++] = (char)byte;
      }
   }
   buffer[used++] = '"';
   buffer[used]   = 0;
   return used;
}
