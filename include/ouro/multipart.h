/* Forms with files: bodies of type multipart/form-data (RFC 7578), which browsers send for forms that
 * have one, and curl -F. (ouro_form() of ouro/data.h is for forms without, application/x-www-form-urlencoded.)
 *
 * Either part by part as they come, in constant memory, whatever their size: ouro_multipart_next(),
 * ouro_part_read(), ouro_part_save(). Or all of them at once: ouro_multipart(), which keeps small parts
 * in memory and large ones in files without a name. One of the two for each request, and neither beside
 * ouro_body_read(), ouro_body() or ouro_on_body(), which take the same body.
 *
 * What they have in common, besides what ouro/wait.h says of all that waits and ouro_body_read() of
 * bodies: -EPROTONOSUPPORT where the content type is another (415 by ouro_reject()); -EBADMSG where the
 * body, or the boundary in the content type, is malformed (400); -EMSGSIZE where it is more than the
 * limits allow (413); for these ouro_multipart_fault() says what, and ouro_reject() tells the client so.
 * Once one of these was returned, it always is; who goes on calling 100 times panics.
 * A client that closes its side behind the body does not count as gone while a call writes to a file.
 *
 * What is malformed: a line that ends in LF alone, a folded line, a part without a name or with two, a
 * boundary with something behind it, an end of the body before the closing boundary. Transfer encodings
 * (RFC 7578, 4.7) are not undone; nobody sends them. */
#ifndef OURO_MULTIPART_H
#define OURO_MULTIPART_H

#include "ouro/wait.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Limits, and where files go. Zero is the default of each. The whole body is limited by the route's
 * body_bytes_max. */
struct ouro_multipart_options {
	/* What is more than one of these is -EMSGSIZE. */
	uint32_t parts_max;        /* 128 */
	uint32_t name_bytes_max;   /* 1024, of a name, and of a file name */
	uint32_t header_bytes_max; /* 8192, which is the most, of the up to 32 fields of a part */
	uint64_t part_bytes_max;   /* of the data of a part. None but that of the body */

	/* Of ouro_multipart() alone. */
	uint32_t memory_bytes_max; /* 65536; a larger part goes to a file ... */
	const char *directory;     /* ... of this directory, copied. $TMPDIR, or /tmp */
};

/* A part. Views live as long as the context. */
struct ouro_part {
	struct ouro_str name; /* may be empty */

	/* As the client has it, absent where it sent none; empty for a file that was not chosen. It may
	 * hold anything, slashes, "..", line ends: it is for people to read, and no path. An extended one,
	 * filename*, which RFC 7578, 4.2 forbids, is ignored. */
	struct ouro_str filename;

	/* Absent where the client sent none; it is text/plain then (RFC 7578, 4.4). Nothing checks that
	 * the data is of this type. */
	struct ouro_str content_type;

	/* Of ouro_multipart() alone: the data in memory, or, where @fd is not -1, in a file, read from its
	 * beginning. The file has no name (linkat(2) can give it one, open(2) under O_TMPFILE says how) and
	 * is the engine's, which closes it when the context ends: ouro_send_fd() gets a dup(2) of it. */
	struct ouro_str data;
	int fd;
	uint64_t bytes; /* of data */

	const void *fields_; /* private */
};

/* The first field called @name (a C string, any case) of @part; absent where there is none. */
OURO_API struct ouro_str ouro_part_header(const struct ouro_part *part, const char *name);

/* ---- Part by part ---- */

/* Sets limits for what follows (@options may be NULL). It need not be called, and waits for nothing. 0;
 * -EINVAL where header_bytes_max is out of range; -EALREADY where reading has begun; -ENOMEM; as above. */
OURO_API int ouro_multipart_begin(struct ouro_ctx *ctx,
				  const struct ouro_multipart_options *options);

/* Waits for the next part; what was not read of the one before is dropped. 1 with @part, whose data, fd and
 * bytes are not set; 0 where there are no more, and all of the body has come; -EALREADY behind
 * ouro_multipart(); as above. */
OURO_API int ouro_multipart_next(struct ouro_ctx *ctx, struct ouro_part *part);

/* Waits for a piece of that part's data. @chunk lives until the next call with this context or the
 * handler's end; passing it to ouro_write_slice() keeps its buffer. The number of bytes, which are never 0;
 * 0 at the part's end, with an empty @chunk; -EINVAL where there was no part; as above. A part is known
 * to be complete when this is 0; that the body is, only when ouro_multipart_next() is. */
OURO_API ssize_t ouro_part_read(struct ouro_ctx *ctx, struct ouro_slice *chunk);

/* Writes what is left of that part's data to @fd, a regular file or a block device, from where it stands, on threads of the pool as
 * ouro_offload() does, in constant memory. @fd stays the caller's, who may close it whenever this has returned. 0,
 * with the number of bytes in @bytes (which may be NULL); -EINVAL where @fd is something else; a negative
 * errno of fstat(2), dup(2) or write(2); -EAGAIN as ouro_offload(); as ouro_part_read(). Behind an error no more of the body can be read, and part of
 * the data may be in the file. */
OURO_API int ouro_part_save(struct ouro_ctx *ctx, int fd, uint64_t *bytes);

/* ---- All at once ---- */

/* Waits for all of the body. @parts are the @count parts in order; they live as long as the context. Again: the
 * same, whatever @options are. Files are made and written on threads of the pool. 0; -EALREADY where reading
 * has begun otherwise; a negative errno of open(2) or write(2), and -EAGAIN as ouro_offload(), and then always;
 * -EINVAL as ouro_multipart_begin(); as above. Whatever happens, nothing is left behind on disk. */
OURO_API int ouro_multipart(struct ouro_ctx *ctx, const struct ouro_multipart_options *options,
			    const struct ouro_part **parts, size_t *count);

/* What was wrong, and where in the body: "byte 12: a part has no name"; NULL where nothing was. */
OURO_API const char *ouro_multipart_fault(const struct ouro_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif
