/* What is replayed: see bench/guard/scenarios.h. */
#include "bench/guard/scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPELINED = 16, BODY_BYTES = 1024, MESSAGE_BYTES = 20 };

#define OK "HTTP/1.1 200 OK\r\n"
#define PLAINTEXT "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"
#define PLAINTEXT_4 PLAINTEXT PLAINTEXT PLAINTEXT PLAINTEXT
#define BYTES_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BYTES_256 BYTES_64 BYTES_64 BYTES_64 BYTES_64
#define BYTES_1024 BYTES_256 BYTES_256 BYTES_256 BYTES_256

/* What a browser sends of its own accord for a page on the same site, with a few cookies. */
#define BROWSER                                                                                    \
	"GET /plaintext HTTP/1.1\r\n"                                                              \
	"Host: www.example.com\r\n"                                                                \
	"Connection: keep-alive\r\n"                                                               \
	"Cache-Control: max-age=0\r\n"                                                             \
	"Upgrade-Insecure-Requests: 1\r\n"                                                         \
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "      \
	"Chrome/120.0.0.0 Safari/537.36\r\n"                                                       \
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"     \
	"*/*;q=0.8\r\n"                                                                            \
	"Sec-Fetch-Site: same-origin\r\n"                                                          \
	"Sec-Fetch-Mode: navigate\r\n"                                                             \
	"Sec-Fetch-User: ?1\r\n"                                                                   \
	"Sec-Fetch-Dest: document\r\n"                                                             \
	"Referer: https://www.example.com/index.html\r\n"                                          \
	"Accept-Encoding: gzip, deflate, br\r\n"                                                   \
	"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"                                             \
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"                         \
	"\r\n"

/* The frame of a client: masked, as all of theirs are. 20 bytes of 'a' with the key 01 02 03 04. */
#define MASKED_4 "\x60\x63\x62\x65"
#define MESSAGE "\x81\x94\x01\x02\x03\x04" MASKED_4 MASKED_4 MASKED_4 MASKED_4 MASKED_4
#define ECHOED                                                                                     \
	"\x81\x14"                                                                                 \
	"aaaaaaaaaaaaaaaaaaaa"

static void must(int err)
{
	if (err) {
		fprintf(stderr, "guard: cannot add a route: %s\n", strerror(-err));
		exit(EXIT_FAILURE);
	}
}

/* ---- Handlers ---- */

static void plaintext(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("Hello, World!"));
}

static void tag(struct ouro_ctx *ctx)
{
	static char user[] = "anybody";

	ouro_set_attribute(ctx, "user", user);
	ouro_next(ctx);
}

static void mark(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_set_header(ctx, "x-passed", OURO_STR("yes"));
}

static void tell_id(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_param(ctx, "id"));
}

static void echo(struct ouro_ctx *ctx)
{
	struct ouro_str body;
	int err = ouro_body(ctx, &body);

	if (err)
		ouro_reject(ctx, err);
	else
		ouro_send(ctx, 200, "application/octet-stream", body);
}

static void on_message(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	ouro_ws_send_slice(ctx, message->type, message->slice);
}

static void ws_echo(struct ouro_ctx *ctx)
{
	ouro_ws_accept(ctx, &(struct ouro_ws_options){ .on_message = on_message });
}

/* ---- Routes ---- */

static void serve_plaintext(struct ouro_server *server)
{
	must(ouro_server_route(server, "GET", "/plaintext", plaintext,
			       &(struct ouro_route_options){ .run_inline = true }));
}

static void serve_chain(struct ouro_server *server)
{
	must(ouro_server_use(server, tag));
	must(ouro_server_use(server, mark));
	must(ouro_server_route(server, "GET", "/users/{id}", tell_id, NULL));
}

static void serve_echo(struct ouro_server *server)
{
	must(ouro_server_route(server, "POST", "/echo", echo, NULL));
}

static void serve_files(struct ouro_server *server)
{
	/* Looking again is the work of another thread. */
	must(ouro_server_files(server, "/files", GUARD_FILES,
			       &(struct ouro_files_options){ .revalidate_ms = 3600000 }));
}

static void serve_ws(struct ouro_server *server)
{
	must(ouro_server_route(server, "GET", "/ws", ws_echo, NULL));
}

/* ---- The scenarios ---- */

static const struct scenario scenarios[] = {
	{
		.name = "plaintext",
		.set_up = serve_plaintext,
		.input = PLAINTEXT,
		.requests = 1,
		.begins = OK,
		.ends = "Hello, World!",
	},
	{
		.name = "chain",
		.set_up = serve_chain,
		.input = "GET /users/1234 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
		.requests = 1,
		.begins = OK,
		.ends = "\r\n\r\n1234",
	},
	{
		.name = "pipelined",
		.set_up = serve_plaintext,
		.input = PLAINTEXT_4 PLAINTEXT_4 PLAINTEXT_4 PLAINTEXT_4,
		.requests = PIPELINED,
		.begins = OK,
		.ends = "Hello, World!",
	},
	{
		.name = "browser",
		.set_up = serve_plaintext,
		.input = BROWSER,
		.requests = 1,
		.begins = OK,
		.ends = "Hello, World!",
	},
	{
		.name = "close",
		.set_up = serve_plaintext,
		.input = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
			 "Connection: close\r\n\r\n",
		.requests = 1,
		.reconnects = true,
		.begins = OK,
		.ends = "Hello, World!",
	},
	{
		.name = "post",
		.set_up = serve_echo,
		.input = "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
			 "Content-Length: 1024\r\n\r\n" BYTES_1024,
		.requests = 1,
		.begins = OK,
		.ends = "\r\n\r\n" BYTES_1024,
	},
	{
		.name = "post-chunked",
		.set_up = serve_echo,
		.input = "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
			 "Transfer-Encoding: chunked\r\n\r\n"
			 "100\r\n" BYTES_256 "\r\n300\r\n" BYTES_256 BYTES_256 BYTES_256
			 "\r\n0\r\n\r\n",
		.requests = 1,
		.begins = OK,
		.ends = "\r\n\r\n" BYTES_1024,
	},
	{
		.name = "file",
		.set_up = serve_files,
		.input = "GET /files/small.txt HTTP/1.1\r\n"
			 "Host: 127.0.0.1:8080\r\n\r\n",
		.requests = 1,
		.begins = OK,
		.ends = "the last line of it\n",
	},
	{
		.name = "websocket",
		.set_up = serve_ws,
		.opening = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
			   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			   "Sec-WebSocket-Version: 13\r\n\r\n",
		.input = MESSAGE,
		.requests = 1,
		.begins = ECHOED,
		.ends = "",
	},
	{
		.name = "not-found",
		.set_up = serve_plaintext,
		.input = "GET /nothing HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
		.requests = 1,
		.begins = "HTTP/1.1 404 Not Found\r\n",
		.ends = "",
	},
};

const struct scenario *scenarios_get(size_t *count)
{
	*count = sizeof(scenarios) / sizeof(scenarios[0]);
	return scenarios;
}
