/* Routes: patterns and their handlers, groups with middleware, guards, hooks, and routes that are
 * declared beside their handlers. All of it is set up before the server starts, by one thread. */
#ifndef OURO_ROUTES_H
#define OURO_ROUTES_H

#include "ouro/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a route wants a request that fits its pattern, method and host. False: the next one that
 * fits is asked. Must not wait, and sees the request's head alone. One that panics ends the request, as
 * a handler would. */
typedef bool (*ouro_guard_fn)(struct ouro_ctx *ctx);

/* Whether answers are compressed (RFC 9110, 8.4): complete ones of at least options.compress_bytes_min,
 * and streams, whose content type is worth it (text, JSON, XML, scripts, ..), for clients that accept br,
 * zstd, gzip or deflate. Every piece of a stream leaves at once, as without. Content-Encoding and
 * Vary are set, a strong ETag becomes a weak one, and Content-Length is that of what is sent.
 *
 * Left as they are: answers that have a Content-Encoding, a Content-Range, a digest or a Cache-Control:
 * no-transform, those of 206, and files but those that are held in memory (ouro/files.h). 304 has the Vary
 * and, where the client was given a weak one, the weak ETag that 200 has. Bodies of more than 64 KiB are
 * compressed by another thread while the handler waits; where it cannot wait (inline, in callbacks) these
 * are left as they are too. So are streams beyond the 64 that a loop compresses at a time, and complete
 * answers where 72 of both are being compressed.
 *
 * It needs options.fiber_stack_bytes of at least 32768 (else the start is -EINVAL), and of memory for each
 * answer that is being compressed up to 3 MiB, mostly some hundred KiB for gzip and 2 MiB for br.
 *
 * OURO_COMPRESS_OFF is for answers that hold a secret (a token against forged requests, say) beside
 * something that an attacker can choose: from the length of such an answer, encrypted or not, the
 * secret can be guessed piece by piece (BREACH). */
enum ouro_compress {
	OURO_COMPRESS_DEFAULT, /* as the group says, or the server's options */
	OURO_COMPRESS_ON,
	OURO_COMPRESS_OFF,
};

/* Whether bodies of requests are decoded before anybody sees them, as their Content-Encoding says: br,
 * zstd, gzip, deflate, and up to three of them on top of each other. body_bytes_max is then for the decoded
 * body, the length of which is not known beforehand; the field stays as it was sent. A body that is
 * malformed is 400, one that is too large or grows too much 413, another coding 415 with an
 * Accept-Encoding field; more than 256 at a time on one loop are 503. Off, all bodies come as they were
 * sent, and this is left to the handler. */
enum ouro_decompress {
	OURO_DECOMPRESS_DEFAULT,
	OURO_DECOMPRESS_ON,
	OURO_DECOMPRESS_OFF,
};

/* What a route or group may have besides. Zero is the default of each: of a group's, or the server's.
 * Strings are copied. */
struct ouro_route_options {
	bool declared_;   /* private; first, since C++ wants initialisers in this order */
	const char *name; /* for ouro_url(); one route alone may have it. Not for groups */
	const char *host; /* "example.com", "{tenant}.example.com" (one label, a parameter) or
			   * "*.example.com"; without port and regardless of case */

	/* Guards. All that are given must hold. */
	const char *header;       /* the request has a field of this name ... */
	const char *header_value; /* ... and, where given, one of just this value */
	ouro_guard_fn guard;

	/* Middleware of this route alone, or of this group beside what ouro_group_use() adds: an array
	 * that ends in NULL, the outermost first; within all that groups add. Copied. */
	const ouro_handler_fn *middleware;

	/* Limits. */
	uint64_t body_bytes_max;     /* a larger body: 413 */
	uint32_t body_timeout_ms;    /* without a byte of an awaited body: 408 */
	uint32_t handler_timeout_ms; /* from the handler's start: whatever waits returns -ETIMEDOUT,
				      * and where no answer was begun it is 503. 0: none */

	/* Compression. */
	enum ouro_compress compress;
	enum ouro_decompress decompress;
	uint32_t decompress_ratio_max; /* as options.decompress_ratio_max */

	/* On the loop's own stack instead of on a fiber, for handlers that never wait: what would
	 * wait returns -EDEADLK there. */
	bool run_inline;
	/* A client that closed its side of the connection may still wait for the answer: its FIN
	 * does not end what waits. (Most clients that send FIN are gone.) */
	bool half_close;
};

/* A set of routes under one prefix, with middleware and options of its own. */
struct ouro_group;

/* Adds a route to the server's root group, or to @group.
 *
 * @method: a name ("GET"), several ("GET, POST"), or "*" for any that has no route of its own there.
 * A GET route answers HEAD too, and OPTIONS is answered from what there is, unless they have routes
 * of their own.
 *
 * @pattern begins with a slash and is made of segments, each of them text or one parameter:
 * {name} any one segment; {name:u64}, {name:i64}, {name:uuid} one of this form; {name:EXPRESSION} one
 * that the regular expression (PCRE2) fits as a whole; {name...}, last, whatever is left, slashes
 * included. The most specific route wins, segment by segment from the left: text, typed, expression,
 * parameter, tail. Names of parameters belong to their route and need not agree with those of others.
 *
 * @options may be NULL.
 *
 * 0; -EINVAL (malformed, with a log line that says what is wrong), -EALREADY (the server was started),
 * -ENOMEM. That two routes fit the same requests is found by ouro_server_start(). The macros below
 * give the place of the call to messages about it. */
OURO_API int ouro_server_route(struct ouro_server *server, const char *method, const char *pattern,
			       ouro_handler_fn handler, const struct ouro_route_options *options);
OURO_API int ouro_group_route(struct ouro_group *group, const char *method, const char *pattern,
			      ouro_handler_fn handler, const struct ouro_route_options *options);

/* The same with the place of the call, which is copied. */
OURO_API int ouro_server_route_at(const char *file, int line, struct ouro_server *server,
				  const char *method, const char *pattern, ouro_handler_fn handler,
				  const struct ouro_route_options *options);
OURO_API int ouro_group_route_at(const char *file, int line, struct ouro_group *group,
				 const char *method, const char *pattern, ouro_handler_fn handler,
				 const struct ouro_route_options *options);
#ifndef OURO_NO_PLACES
#define ouro_server_route(...) ouro_server_route_at(__FILE__, __LINE__, __VA_ARGS__)
#define ouro_group_route(...) ouro_group_route_at(__FILE__, __LINE__, __VA_ARGS__)
#endif

/* Adds middleware: it runs for every route of the server or group (those in groups within it too),
 * outside of what inner groups have. Of one group the lowest order is the outermost, of one order what was
 * added first; without an order it is 0. A server's runs for requests that no route fits as well.
 * Middleware is a handler that calls ouro_next(); what it does behind that call it does with the answer. 0;
 * -EINVAL (NULL), -EALREADY, -E2BIG (more than 64 in one group). */
OURO_API int ouro_server_use(struct ouro_server *server, ouro_handler_fn middleware);
OURO_API int ouro_server_use_at(struct ouro_server *server, int order, ouro_handler_fn middleware);
OURO_API int ouro_group_use(struct ouro_group *group, ouro_handler_fn middleware);
OURO_API int ouro_group_use_at(struct ouro_group *group, int order, ouro_handler_fn middleware);

/* Makes a group under @prefix ("/api", "/users/{id}"; "" for none) of the server's root group, or of
 * @parent, which owns it. @options (may be NULL) are the defaults of its routes; guards of groups and
 * routes must all hold. 0 with @group; -EINVAL with a log line, -EALREADY, -ENOMEM. */
OURO_API int ouro_server_group(struct ouro_server *server, const char *prefix,
			       const struct ouro_route_options *options, struct ouro_group **group);
OURO_API int ouro_group_group(struct ouro_group *parent, const char *prefix,
			      const struct ouro_route_options *options, struct ouro_group **group);

/* Makes a group of nobody's, to be mounted, perhaps more than once. 0 or -ENOMEM. */
OURO_API int ouro_group_create(struct ouro_group **group);

/* Drops the caller's hold on such a group; where it is mounted it stays. NULL is accepted. */
OURO_API void ouro_group_destroy(struct ouro_group *group);

/* Mounts @group, from ouro_group_create(), under @prefix of the server's root group, or of @parent.
 * What is added to it until the start is there too. 0; -EINVAL (malformed prefix), -ELOOP (@group
 * holds @parent), -EALREADY, -ENOMEM. */
OURO_API int ouro_server_mount(struct ouro_server *server, const char *prefix,
			       struct ouro_group *group);
OURO_API int ouro_group_mount(struct ouro_group *parent, const char *prefix,
			      struct ouro_group *group);

/* One route as it will be matched. Strings live as long as the server, or until the next call. */
struct ouro_route_info {
	const char *method;  /* "*": any */
	const char *host;    /* "": any */
	const char *pattern; /* prefixes included */
	const char *name;    /* "": none */
	const char *place;   /* "file.c:12"; "": unknown */
	size_t middleware_count;
	bool guarded;
	bool run_inline;
};

/* Lists the routes: fills @out with up to @max, in the order in which they were added, those of a group
 * where the group was made or mounted, each method by itself; and returns how many there are; a negative errno where they cannot be compiled, after a log line that says why. No
 * route can be added any more. */
OURO_API ssize_t ouro_server_routes(struct ouro_server *server, struct ouro_route_info *out,
				    size_t max);

/* A parameter of a URL to be built. */
struct ouro_url_value {
	const char *name;
	struct ouro_str value; /* not encoded */
};

/* Builds the path of the route called @name, whose parameters get @values: writes it,
 * NUL-terminated, at @out. Its length; -ENOENT (no such route), -EINVAL (a parameter lacks, is too
 * many, or its value is not what the route would take), -ENOBUFS (@room is too small); as above where
 * routes cannot be compiled. */
OURO_API ssize_t ouro_server_url(struct ouro_server *server, const char *name,
				 const struct ouro_url_value *values, size_t count, char *out,
				 size_t room);

/* ---- Hooks ---- */

/* Phases of a request, and of a connection. All hooks are handlers. */
enum ouro_hook {
	OURO_HOOK_REQUEST, /* the head is complete and no route was looked for yet. One that answers
			     * is the last that runs */
	OURO_HOOK_RESPONSE, /* an answer is about to be written: fields can still be set. Another
			     * answer is refused, and so is ouro_flush() (-EALREADY) */
	OURO_HOOK_ERROR,    /* ouro_error() was called, by the engine or a handler: the first that
			     * answers shapes the answer; see ouro_error_status(). Where the head could
			     * not be read all parts of the request are empty or absent */
	OURO_HOOK_PANIC,    /* ouro_panic() unwound a handler: the first that answers is the last */
	OURO_HOOK_CONNECT,  /* a connection was accepted: there is no request yet. ouro_abort() and
			     * ouro_close() refuse it */
	OURO_HOOK_CLOSE,    /* a connection is gone */
};

/* Adds a hook. Of one phase the lowest @order comes first; of one order the one that was added first.
 * 0; -EINVAL, -EALREADY, -E2BIG (more than 32 of one phase). */
OURO_API int ouro_server_hook(struct ouro_server *server, enum ouro_hook phase, int order,
			      ouro_handler_fn hook);

/* ---- Declared routes ---- */

/* A route that stands beside its handler. Private but for the macros below. */
struct ouro_declared_route {
	const char *method;
	const char *pattern;
	ouro_handler_fn handler;
	struct ouro_route_options options;
	const char *file;
	int line;
};

/* Adds the routes that this program, or this shared object, has declared (see below) to the server's
 * root group, by file and line. Errors as ouro_server_route(). */
#define ouro_server_declared(server)                                                               \
	ouro_server_declare((server), ouro_declared_first_, ouro_declared_end_)

OURO_API int ouro_server_declare(struct ouro_server *server,
				 struct ouro_declared_route *const *first,
				 struct ouro_declared_route *const *end);

/* OURO_NO_DECLARED leaves them out, for what reads this header and is no compiler. */
#if defined(__GNUC__) && !defined(__APPLE__) && !defined(OURO_NO_DECLARED)
/* The linker names the ends of the section in which declared routes are listed. */
extern struct ouro_declared_route *ouro_declared_first_[] __asm__("__start_ouro_routes")
	__attribute__((weak, visibility("hidden")));
extern struct ouro_declared_route *ouro_declared_end_[] __asm__("__stop_ouro_routes")
	__attribute__((weak, visibility("hidden")));

/* Linkers that drop what nothing refers to must keep the list. */
#if defined(__has_attribute)
#if __has_attribute(retain)
#define OURO_RETAIN_ __attribute__((retain))
#endif
#endif
#ifndef OURO_RETAIN_
#define OURO_RETAIN_
#endif

#define OURO_JOIN_(a, b) a##b
#define OURO_NAME_(a, b) OURO_JOIN_(a, b)

/* The optional rest are guards and limits. */
#ifdef __cplusplus
}
template <ouro_handler_fn... middleware> struct ouro_middleware_ {
	static const ouro_handler_fn list[];
};
template <ouro_handler_fn... middleware>
const ouro_handler_fn ouro_middleware_<middleware...>::list[] = { middleware..., nullptr };
extern "C" {
#define OURO_DECLARE_(method_, pattern_, handler_, ...)                                            \
	static ouro_declared_route OURO_NAME_(ouro_declared_, __LINE__) = []() {                   \
		ouro_declared_route route_ = {};                                                   \
		ouro_route_options &options_ = route_.options;                                     \
		route_.method = (method_);                                                         \
		route_.pattern = (pattern_);                                                       \
		route_.handler = (handler_);                                                       \
		route_.file = __FILE__;                                                            \
		route_.line = __LINE__;                                                            \
		(void)options_;                                                                    \
		(void)(__VA_ARGS__ 0);                                                             \
		return route_;                                                                     \
	}();                                                                                       \
	static ouro_declared_route *OURO_NAME_(ouro_declared_at_, __LINE__)                        \
	OURO_RETAIN_ __attribute__((used, section("ouro_routes"))) =                               \
		&OURO_NAME_(ouro_declared_, __LINE__)
#else
#define OURO_DECLARE_(method_, pattern_, handler_, ...)                                            \
	static struct ouro_declared_route OURO_NAME_(ouro_declared_, __LINE__) = {                 \
		.method = (method_),                                                               \
		.pattern = (pattern_),                                                             \
		.handler = (handler_),                                                             \
		.options = { .declared_ = true, __VA_ARGS__ },                                     \
		.file = __FILE__,                                                                  \
		.line = __LINE__,                                                                  \
	};                                                                                         \
	static struct ouro_declared_route *OURO_NAME_(ouro_declared_at_, __LINE__)                 \
	OURO_RETAIN_ __attribute__((used, section("ouro_routes"))) =                               \
		&OURO_NAME_(ouro_declared_, __LINE__)
#endif

/* OURO_GET("/users/{id}", user);
 * OURO_POST("/users", add_user, OURO_WHEN_HOST("api.example.com"), OURO_BODY_MAX(65536));
 *
 * at file level, at most one on a line; in C++ since C++20, options in the order of the struct. ouro_server_declared() adds all of the program, whichever
 * files they stand in. Of a static library the linker takes only the objects that something refers to:
 * routes of others are not there. */
#define OURO_GET(...) OURO_DECLARE_("GET", __VA_ARGS__, )
#define OURO_HEAD(...) OURO_DECLARE_("HEAD", __VA_ARGS__, )
#define OURO_POST(...) OURO_DECLARE_("POST", __VA_ARGS__, )
#define OURO_PUT(...) OURO_DECLARE_("PUT", __VA_ARGS__, )
#define OURO_PATCH(...) OURO_DECLARE_("PATCH", __VA_ARGS__, )
#define OURO_DELETE(...) OURO_DECLARE_("DELETE", __VA_ARGS__, )
#define OURO_OPTIONS(...) OURO_DECLARE_("OPTIONS", __VA_ARGS__, )
#define OURO_ANY(...) OURO_DECLARE_("*", __VA_ARGS__, )
/* OURO_ROUTE("GET, POST", "/form", form); */
#define OURO_ROUTE(method, ...) OURO_DECLARE_(method, __VA_ARGS__, )

#ifdef __cplusplus
#define OURO_WHEN_HOST(pattern) options_.host = (pattern)
#define OURO_WHEN_HEADER(name) options_.header = (name)
#define OURO_WHEN_HEADER_IS(name, value) options_.header = (name), options_.header_value = (value)
#define OURO_WHEN(guard_fn) options_.guard = (guard_fn)
#define OURO_USE(...) options_.middleware = ouro_middleware_<__VA_ARGS__>::list
#define OURO_NAME(route_name) options_.name = (route_name)
#define OURO_BODY_MAX(bytes) options_.body_bytes_max = (bytes)
#define OURO_BODY_TIMEOUT(ms) options_.body_timeout_ms = (ms)
#define OURO_HANDLER_TIMEOUT(ms) options_.handler_timeout_ms = (ms)
#define OURO_COMPRESS(how) options_.compress = (how)
#define OURO_DECOMPRESS(how) options_.decompress = (how)
#define OURO_DECOMPRESS_RATIO_MAX(ratio) options_.decompress_ratio_max = (ratio)
#define OURO_INLINE options_.run_inline = true
#define OURO_HALF_CLOSE options_.half_close = true
#else
#define OURO_WHEN_HOST(pattern) .host = (pattern)
#define OURO_WHEN_HEADER(name) .header = (name)
#define OURO_WHEN_HEADER_IS(name, value) .header = (name), .header_value = (value)
#define OURO_WHEN(guard_fn) .guard = (guard_fn)
#define OURO_USE(...)                                                                              \
	.middleware = (const ouro_handler_fn[])                                                    \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}
#define OURO_NAME(route_name) .name = (route_name)
#define OURO_BODY_MAX(bytes) .body_bytes_max = (bytes)
#define OURO_BODY_TIMEOUT(ms) .body_timeout_ms = (ms)
#define OURO_HANDLER_TIMEOUT(ms) .handler_timeout_ms = (ms)
#define OURO_COMPRESS(how) .compress = (how)
#define OURO_DECOMPRESS(how) .decompress = (how)
#define OURO_DECOMPRESS_RATIO_MAX(ratio) .decompress_ratio_max = (ratio)
#define OURO_INLINE .run_inline = true
#define OURO_HALF_CLOSE .half_close = true
#endif
#endif

#ifdef __cplusplus
}
#endif

#endif
