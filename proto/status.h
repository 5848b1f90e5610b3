/* Status codes with their lines and phrases (RFC 9110, 15, and the registry). */
#ifndef OURO_PROTO_STATUS_H
#define OURO_PROTO_STATUS_H

#include "ouro/base.h"

/* Most bytes of a status line with its line end. */
#define OURO_STATUS_LINE_BYTES_MAX 64

/* "HTTP/1.1 200 OK\r\n", or an empty string where no standard names @status. Static memory. */
struct ouro_str ouro_status_line(unsigned status);

/* "OK" for 200, "Unknown" where no standard names @status. Static memory. */
struct ouro_str ouro_status_text(unsigned status);

#endif
