/* Media types of files: which one a file's name stands for, and which are worth compressing. */
#ifndef OURO_PROTO_MEDIA_TABLE_H
#define OURO_PROTO_MEDIA_TABLE_H

#include "ouro/base.h"

#include <stdbool.h>

/* The value of Content-Type for a file called @file_name, the last segment of its path: by what is
 * behind the last dot, in any case. Absent where that is unknown, or where no dot is in the name
 * but at its beginning. Text has "; charset=utf-8". Static memory. The table is that of Debian's
 * mime.types, which are IANA's and those in wide use, with some corrections: see
 * tools/media_types.py. */
struct ouro_str ouro_media_type_of(struct ouro_str file_name);

/* Whether what is of @type, the value of a Content-Type with or without parameters, in any case, is
 * mostly worth compressing: text, JSON, XML and what is built on them, scripts, WebAssembly, fonts
 * and some others that are not compressed in themselves. Images (but SVG), audio, video and
 * archives are not, nor is what is unknown. */
bool ouro_media_type_compresses(struct ouro_str type);

#endif
