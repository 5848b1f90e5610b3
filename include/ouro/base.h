/* Views and slices: the plain values that every part of the public interface speaks in. */
#ifndef OURO_BASE_PUBLIC_H
#define OURO_BASE_PUBLIC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Attributes, each of which may be defined beforehand, to nothing for what cannot read them. OURO_API
 * marks what the shared library exports; everything else has hidden visibility. */
#if defined(__GNUC__)
#define OURO_ATTRIBUTE_(what) __attribute__(what)
#else
#define OURO_ATTRIBUTE_(what)
#endif
#ifndef OURO_API
#define OURO_API OURO_ATTRIBUTE_((visibility("default")))
#endif
#ifndef OURO_PRINTF
#define OURO_PRINTF(format_index, first_arg)                                                       \
	OURO_ATTRIBUTE_((format(printf, format_index, first_arg)))
#endif
#ifndef OURO_NORETURN
#define OURO_NORETURN OURO_ATTRIBUTE_((noreturn))
#endif
#ifndef OURO_SENTINEL
#define OURO_SENTINEL OURO_ATTRIBUTE_((sentinel))
#endif

/* A borrowed view of @len bytes at @ptr, not NUL-terminated. It lives as long as what it
 * points into; whoever hands one out says how long that is. {NULL, 0} is "absent" where a
 * function says so; an empty value that is present has a non-NULL @ptr. */
struct ouro_str {
	const char *ptr;
	size_t len;
};

struct ouro_buf;

/* A view together with the counted buffer that holds its bytes. @buf may be NULL for memory that
 * outlives every use of the slice. */
struct ouro_slice {
	const char *ptr;
	size_t len;
	struct ouro_buf *buf;
};

/* A view of a string literal, its terminating NUL left out. */
#ifdef __cplusplus
#define OURO_STR(literal) (ouro_str{ (literal), sizeof(literal) - 1 })
#else
#define OURO_STR(literal) ((struct ouro_str){ (literal), sizeof(literal) - 1 })
#endif

#ifdef __cplusplus
}
#endif

#endif
