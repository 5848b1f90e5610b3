/* Static files: a directory under a prefix, or one file from a handler.
 *
 * Files are sent by the kernel from where they lie (small ones from memory), with Content-Type by their
 * name, ETag and Last-Modified, and answered as RFC 9110 has it: conditions (13: 304, 412), ranges (14: 206,
 * several of them as multipart/byteranges, 416), HEAD. Each loop remembers what it has opened and what
 * was not there, and looks again after a while; where that would wait for a disk another thread does it,
 * and the loop goes on. */
#ifndef OURO_FILES_H
#define OURO_FILES_H

#include "ouro/context.h"
#include "ouro/routes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero is the default of each; strings are copied. */
struct ouro_files_options {
	bool symlinks; /* symbolic links are followed, as long as they stay beneath the directory;
			    * else they are not there */
	bool dotfiles; /* names that begin with a dot can be asked for, .well-known among them;
			    * else they are not there */
	bool list;     /* a directory without an index is answered with what is in it: HTML, or JSON
			    * where Accept prefers that; at most 4096 names */
	bool no_index; /* @index is a file like any other */
	const char *index; /* "index.html": what stands for a directory */
	/* A path beneath the directory, "index.html" for one, that is answered with 200 in place of what is
	 * not there, to those whose Accept names text/html (and not by a wildcard): for applications
	 * that route in the browser. NULL: none. */
	const char *fallback;
	/* Instead of a file, the one that stands beside it with .br, .zst or .gz behind its name is
	 * sent to those whose Accept-Encoding prefers it. Keeping them the same is up to whoever puts
	 * them there. Sets Vary where there are any. */
	bool precompressed;
	const char *cache_control; /* the value of a Cache-Control field. NULL: none */

	/* What each loop remembers. Files that are not in memory are open: of the descriptors that the
	 * process may have (RLIMIT_NOFILE) all loops take a quarter for it at most. */
	uint32_t cached_files_max; /* 1024 files and directories, and a quarter as many absences */
	uint32_t revalidate_ms;    /* 1000: for so long what was seen is believed */
	uint32_t
		memory_bytes_max; /* 16384, at most 1048576: files of up to so many bytes are held in memory,
				    * which is cheaper than sending them from where they lie; 1: none */
};

/* Serves the regular files beneath @directory under @prefix ("/assets"; "" or "/" for all): a route for GET,
 * and so for HEAD. @options may be NULL.
 *
 * No path, whatever escapes are in it, and no link leads outside of the directory, and nothing but regular
 * files and directories is ever opened (openat2(2), or an own walk where the kernel does not have it). An
 * escaped slash separates nothing: there is no such file. What is not there, or is none of these, is
 * 404; what may not be read is 403. A directory is answered by its index, under its name with a slash, to
 * which requests without it are redirected (308). Every file is sent with "X-Content-Type-Options: nosniff". A
 * file that becomes shorter while it is sent ends the connection.
 *
 * The directory is opened by ouro_server_start(), which fails where it cannot be; what then takes its place
 * makes no difference.
 *
 * 0; -EINVAL with a log line (a malformed prefix, @index or @fallback, or an option out of its range),
 * -EALREADY (the server was started), -ENOMEM. */
OURO_API int ouro_server_files(struct ouro_server *server, const char *prefix,
			       const char *directory, const struct ouro_files_options *options);
OURO_API int ouro_group_files(struct ouro_group *group, const char *prefix, const char *directory,
			      const struct ouro_files_options *options);

/* Zero is the default of each. */
struct ouro_file_options {
	const char *content_type; /* NULL: by the name of the file */
	const char *cache_control;
	bool precompressed; /* as above */
};

/* Answers with the file at @path (a C string), which the program chooses: absolute or from the working
 * directory, through whatever links. It must never be made of what a client sent: for that there is
 * ouro_server_files(). @options may be NULL. Conditions and ranges of the request are answered.
 *
 * From a handler on a fiber; waits where a disk must be waited for. 0: there is an answer. Else there is none:
 * -ENOENT, -EACCES and others of open(2); -EISDIR, -EINVAL (neither a file nor a directory, or @path is empty);
 * -EDEADLK (not on a fiber, and it would have to wait); -EAGAIN (too much waits for disks already);
 * -ECANCELED, -ETIMEDOUT; errors as ouro_send(). */
OURO_API int ouro_send_file(struct ouro_ctx *ctx, const char *path,
			    const struct ouro_file_options *options);

#ifdef __cplusplus
}
#endif

#endif
