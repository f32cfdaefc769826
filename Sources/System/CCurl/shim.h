/* libcurl's setopt and getinfo are variadic, which Swift cannot call: one function for each kind of value. */
#ifndef BERTH_CCURL_H
#define BERTH_CCURL_H
#include <curl/curl.h>

typedef int (*berth_curl_progress_callback)(void *ctx, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow);

static inline CURLcode berth_curl_global(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }
static inline CURLcode berth_curl_long(CURL *h, CURLoption o, long v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode berth_curl_string(CURL *h, CURLoption o, const char *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode berth_curl_pointer(CURL *h, CURLoption o, void *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode berth_curl_headers(CURL *h, struct curl_slist *v) { return curl_easy_setopt(h, CURLOPT_HTTPHEADER, v); }

static inline CURLcode berth_curl_body(CURL *h, const void *bytes, curl_off_t size)
{
   CURLcode code = curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, size);
   return code ? code : curl_easy_setopt(h, CURLOPT_COPYPOSTFIELDS, bytes);
}

static inline void berth_curl_callbacks(CURL *h, void *ctx, curl_write_callback body, curl_write_callback header,
                                        berth_curl_progress_callback progress)
{
   curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, body);
   curl_easy_setopt(h, CURLOPT_WRITEDATA, ctx);
   curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, header);
   curl_easy_setopt(h, CURLOPT_HEADERDATA, ctx);
   curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, progress);
   curl_easy_setopt(h, CURLOPT_XFERINFODATA, ctx);
   curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
}

static inline CURLcode berth_curl_sockets(CURL *h, curl_sockopt_callback opened)
{
   return curl_easy_setopt(h, CURLOPT_SOCKOPTFUNCTION, opened);
}

static inline long berth_curl_info_long(CURL *h, CURLINFO info)
{
   long value = 0;
   curl_easy_getinfo(h, info, &value);
   return value;
}

#endif
