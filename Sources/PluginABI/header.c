/* Here only to compile the header, as C, by itself. */
#include "berth/driver.h"
