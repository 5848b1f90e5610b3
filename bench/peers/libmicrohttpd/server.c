/* libmicrohttpd with the paths of bench/peers.py: HOST PORT THREADS. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGE_BYTES = 65536, IDLE_S = 60, BODY_BYTES_MAX = 1 << 20 };
enum { PLAINTEXT, HELLO, LARGE, NOT_FOUND, TOO_LARGE, RESPONSES };

/* What was posted, as far as it has come. */
struct upload {
	char *data;
	size_t len;
	bool too_large;
};

/* Stands for a request whose body is of no interest. */
static struct upload none;
static char large[LARGE_BYTES];
static struct MHD_Response *responses[RESPONSES];

static struct MHD_Response *make(void *body, size_t len, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(len, body, mode);

	MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	return response;
}

static bool keep(struct upload *upload, const char *data, size_t len)
{
	char *grown;

	if (upload->too_large || len > BODY_BYTES_MAX - upload->len) {
		upload->too_large = true;
		return true;
	}
	grown = realloc(upload->data, upload->len + len);
	if (!grown)
		return false;
	memcpy(grown + upload->len, data, len);
	upload->data = grown;
	upload->len += len;
	return true;
}

static enum MHD_Result send_back(struct MHD_Connection *connection, struct upload *upload)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (upload->too_large)
		return MHD_queue_response(connection, 413, responses[TOO_LARGE]);
	response = make(upload->data, upload->len, MHD_RESPMEM_MUST_FREE);
	/* It is the response's now. */
	upload->data = NULL;
	result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result echo(struct MHD_Connection *connection, const char *body, size_t *body_len,
			    void **state)
{
	if (!*state) {
		*state = calloc(1, sizeof(struct upload));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*body_len) {
		bool kept = keep(*state, body, *body_len);

		*body_len = 0;
		return kept ? MHD_YES : MHD_NO;
	}
	return send_back(connection, *state);
}

static int find(const char *url)
{
	if (strcmp(url, "/plaintext") == 0)
		return PLAINTEXT;
	if (strcmp(url, "/hello") == 0)
		return HELLO;
	return strcmp(url, "/large") == 0 ? LARGE : NOT_FOUND;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *body,
			      size_t *body_len, void **state)
{
	int which;

	(void)arg;
	(void)version;
	if (strcmp(method, "POST") == 0 && strcmp(url, "/echo") == 0)
		return echo(connection, body, body_len, state);
	/* The first call is for the head; an answer to it would end the connection. */
	if (!*state) {
		*state = &none;
		return MHD_YES;
	}
	if (*body_len) {
		*body_len = 0;
		return MHD_YES;
	}
	which = strcmp(method, "GET") == 0 ? find(url) : NOT_FOUND;
	return MHD_queue_response(connection, which == NOT_FOUND ? 404 : 200, responses[which]);
}

/* Also of a request whose client has gone. */
static void on_done(void *arg, struct MHD_Connection *connection, void **state,
		    enum MHD_RequestTerminationCode how)
{
	struct upload *upload = *state;

	(void)arg;
	(void)connection;
	(void)how;
	if (upload && upload != &none) {
		free(upload->data);
		free(upload);
	}
	*state = NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *daemon;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
		fputs("usage: server HOST PORT THREADS\n", stderr);
		return 2;
	}
	address.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	memset(large, 'x', sizeof(large));
	responses[PLAINTEXT] =
		make("Hello, World!", strlen("Hello, World!"), MHD_RESPMEM_PERSISTENT);
	responses[HELLO] = make("Hello", strlen("Hello"), MHD_RESPMEM_PERSISTENT);
	responses[LARGE] = make(large, sizeof(large), MHD_RESPMEM_PERSISTENT);
	responses[NOT_FOUND] = make("", 0, MHD_RESPMEM_PERSISTENT);
	responses[TOO_LARGE] = make("", 0, MHD_RESPMEM_PERSISTENT);
	unsigned threads = (unsigned)strtoul(argv[3], NULL, 10);
	struct MHD_OptionItem pool[] = { { MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL },
					 { MHD_OPTION_END, 0, NULL } };
	daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
				  handle, NULL, MHD_OPTION_SOCK_ADDR, &address,
				  MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
				  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
				  MHD_OPTION_CONNECTION_LIMIT, (unsigned)sysconf(_SC_OPEN_MAX),
				  MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096u, MHD_OPTION_ARRAY,
				  threads > 1 ? pool : pool + 1, MHD_OPTION_END);
	if (!daemon)
		return 1;
	info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	printf("listening %u\n", (unsigned)info->port);
	fflush(stdout);
	for (;;)
		pause();
}
