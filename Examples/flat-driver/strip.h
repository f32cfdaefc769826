/*
 * A power strip of eight outlets, as its vendor's library drives it. It knows nothing of Berth, and nothing of it was changed
 * for Berth: conf.d/strip.conf declares these functions, and the host calls them as they are.
 *
 * The strip's state is the file that the variable STRIP_FILE names.
 */
#ifndef STRIP_H
#define STRIP_H

#include <stdbool.h>
#include <stdint.h>

#define STRIP_OUTLETS 8

/* How many outlets there are; 0: there is no strip (STRIP_FILE is not set or cannot be read). */
int32_t strip_outlets(void);

/* Switches an outlet, 1 to 8. Answers 0, or an errno. */
int32_t strip_switch(uint16_t outlet, bool on);

/* What an outlet gives: whether it is on, and how much. Answers 0, or an errno. */
int32_t strip_measure(uint16_t outlet, bool *on, double *watts);

/* Names an outlet. Answers 0, or an errno. */
int32_t strip_set_label(uint16_t outlet, const char *label);

/* An outlet's name, valid until the next call of this thread; NULL: there is no such outlet. */
const char *strip_label(uint16_t outlet);

#endif
