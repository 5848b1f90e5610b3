/* Answers that are compressed, bodies that are decoded, saved and taken apart, as chance has it, for clients
 * that dawdle and go, on a kernel where everything goes wrong: whatever happens nothing is left, neither
 * encoders, decoders, files nor jobs of other threads. */
#include "coding/coded.h"
#include "server/form_site.h"

#include <fcntl.h>
#include <stdlib.h>

enum {
	SEEDS = 60,
	CLIENTS = 10,
	STEPS = 100,
	ACTIONS = 10,
	CONTENT_BYTES = 300 * 1024,
	ENCODED_BYTES = CONTENT_BYTES + 4096,
	NAPPING = 8, /* one step of so many lets other threads get ahead */
};

static uint64_t dice;
static int handlers, ended_well;
static char words[CONTENT_BYTES], form[CONTENT_BYTES], encoded[ENCODED_BYTES];
static char sent[2 * ENCODED_BYTES];

static uint32_t roll(uint32_t bound)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((dice >> 33) % bound);
}

/* ---- Handlers ---- */

static int open_file(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	return fd;
}

static void close_file(void *fd)
{
	close((int)(intptr_t)fd);
}

static int open_deferred(struct ouro_ctx *ctx)
{
	int fd = open_file();

	cr_assert_eq(ouro_defer(ctx, close_file, (void *)(intptr_t)fd), 0);
	return fd;
}

static struct ouro_str some_words(void)
{
	uint32_t from = roll(1000);

	return ouro_str(words + from, roll(4) ? roll(5000) : roll(CONTENT_BYTES - 1000));
}

static void write_file(struct ouro_ctx *ctx)
{
	struct ouro_str data = some_words();
	int fd = open_file();

	cr_assert_eq(write(fd, data.ptr, data.len), (ssize_t)data.len);
	ouro_write_fd(ctx, fd, 0, data.len + (roll(10) == 0));
}

static void read_parts(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	struct ouro_part part;
	int step;

	while ((step = ouro_multipart_next(ctx, &part)) > 0 && roll(20)) {
		if (roll(3) == 0)
			ouro_part_save(ctx, open_deferred(ctx), NULL);
		while (roll(4) && ouro_part_read(ctx, &chunk) > 0)
			if (roll(2))
				ouro_write_slice(ctx, chunk);
	}
	ended_well += step == 0;
}

static void collect_parts(struct ouro_ctx *ctx)
{
	const struct ouro_part *parts;
	size_t count;

	options.memory_bytes_max = 1 + roll(100000);
	if (ouro_multipart(ctx, &options, &parts, &count))
		return;
	ended_well++;
	for (size_t i = 0; i < count; i++)
		if (parts[i].fd >= 0 && roll(2))
			ouro_write_fd(ctx, dup(parts[i].fd), 0, parts[i].bytes);
}

static bool act(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	struct ouro_str whole;

	switch (roll(16)) {
	case 0:
		return ouro_sleep(ctx, roll(30)) == 0 || roll(4) == 0;
	case 1:
	case 2:
		if (ouro_body_read(ctx, &chunk) > 0 && roll(2))
			ouro_write_slice(ctx, chunk);
		return true;
	case 3:
		return ouro_body(ctx, &whole) == 0;
	case 4:
		return ouro_body_to_file(ctx, open_deferred(ctx), roll(2) ? 0 : -1) >= 0;
	case 5:
		read_parts(ctx);
		return true;
	case 6:
		collect_parts(ctx);
		return true;
	case 7:
	case 8:
		ouro_begin(ctx, 200, "text/html", roll(2) ? OURO_LENGTH_UNKNOWN : roll(100000));
		ouro_set_trailer(ctx, "x-end", OURO_STR("1"));
		return true;
	case 9:
		ouro_write(ctx, some_words());
		return true;
	case 10:
		write_file(ctx);
		return true;
	case 11:
		ouro_trailer(ctx, "x-sum");
		ouro_early_hints(ctx, NULL, 0);
		return true;
	case 12:
		if (roll(4) == 0)
			ouro_panic(ctx, "chance");
		return true;
	case 13:
		if (roll(6) == 0)
			ouro_abort(ctx);
		if (roll(6) == 0)
			ouro_end(ctx);
		return true;
	default:
		ouro_set_header(ctx, "etag", OURO_STR("\"1\""));
		ouro_send(ctx, roll(8) ? 200 : 304, "text/html", some_words());
		return roll(2);
	}
}

static void chance(struct ouro_ctx *ctx)
{
	uint32_t actions = roll(ACTIONS);

	handlers++;
	for (uint32_t i = 0; i < actions && act(ctx); i++)
		;
	if (roll(4) && !ouro_is_answered(ctx))
		ouro_send(ctx, 200, "text/html", some_words());
}

static void around(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	if (roll(2))
		ouro_set_header(ctx, "x-behind", OURO_STR("1"));
	if (roll(2))
		ouro_flush(ctx);
}

static void response_hook(struct ouro_ctx *ctx)
{
	if (roll(10) == 0)
		ouro_sleep(ctx, roll(20));
	if (roll(10) == 0)
		ouro_set_header(ctx, "content-encoding", OURO_STR("x"));
	if (roll(40) == 0)
		ouro_panic(ctx, "response hook");
}

static void set_up(struct ouro_server *server)
{
	struct ouro_group *group;

	ouro_server_route(server, "*", "/chance", chance, NULL);
	ouro_server_route(server, "*", "/half", chance,
			  &(struct ouro_route_options){ .half_close = true });
	ouro_server_route(server, "*", "/inline", chance,
			  &(struct ouro_route_options){ .run_inline = true });
	ouro_server_route(server, "*", "/limited", chance,
			  &(struct ouro_route_options){ .handler_timeout_ms = 20,
							.body_bytes_max = 100000 });
	ouro_server_group(server, "/around", NULL, &group);
	ouro_group_use(group, around);
	ouro_group_route(group, "*", "/", chance, NULL);
	if (dice % 2)
		ouro_server_hook(server, OURO_HOOK_RESPONSE, 0, response_hook);
}

/* ---- Clients ---- */

/* A form at @form; its length. */
static size_t write_form(void)
{
	size_t len = 0;

	for (uint32_t parts = roll(5); parts-- > 0;) {
		uint32_t bytes = roll(3) ? roll(300) : roll(60000);

		len += (size_t)sprintf(form + len, "--b\r\n" FILED("f", "x") "\r\n");
		memcpy(form + len, words, bytes);
		len += bytes;
		len += (size_t)sprintf(form + len, "\r\n");
	}
	return len + (size_t)sprintf(form + len, roll(10) ? ENDS : "--b\n");
}

/* A body, maybe encoded, maybe damaged; with the field that says so. */
static struct ouro_str write_body(struct ouro_str content, const char **coding)
{
	enum ouro_coding number = (enum ouro_coding)roll(OURO_CODING_COUNT);
	size_t len;

	*coding = ouro_coding_name(number).ptr;
	if (number == OURO_CODING_IDENTITY)
		return content;
	len = encode(number, content, encoded, sizeof(encoded));
	if (roll(8) == 0)
		encoded[roll((uint32_t)len)] ^= (char)(1 << roll(8));
	if (roll(8) == 0)
		len = roll((uint32_t)len);
	return ouro_str(encoded, len);
}

static size_t write_chunks(char *out, struct ouro_str body)
{
	size_t len = 0;

	while (body.len > 0) {
		size_t part = 1 + roll(30000);

		part = part < body.len ? part : body.len;
		len += (size_t)sprintf(out + len, "%zx;x\r\n", part);
		memcpy(out + len, body.ptr, part);
		len += part;
		len += (size_t)sprintf(out + len, "\r\n");
		body = ouro_str(body.ptr + part, body.len - part);
	}
	return len + (size_t)sprintf(out + len, "0\r\nx-sum: 1\r\n\r\n");
}

/* A request at @sent; its length. */
static size_t write_one(void)
{
	static const char *const paths[] = { "/chance", "/half", "/inline", "/limited",
					     "/around/" };
	static const char *const accepts[] = { "br", "zstd", "gzip", "deflate", "identity" };
	bool chunked = roll(2), is_form = roll(2);
	const char *coding;
	struct ouro_str body;
	size_t len;

	body = is_form ? ouro_str(form, write_form())
		       : ouro_str(words, roll(3) ? roll(1000) : roll(CONTENT_BYTES));
	body = write_body(body, &coding);
	len = (size_t)sprintf(sent,
			      "%s %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %s\r\n"
			      "Content-Encoding: %s\r\nContent-Type: %s\r\n%s",
			      roll(8) ? "POST" : "HEAD", paths[roll(5)], accepts[roll(5)], coding,
			      is_form ? TYPE : "text/plain",
			      roll(6) ? "" : "Expect: 100-continue\r\n");
	if (chunked) {
		len += (size_t)sprintf(sent + len, "Transfer-Encoding: chunked\r\n\r\n");
		return len + write_chunks(sent + len, body);
	}
	len += (size_t)sprintf(sent + len, "Content-Length: %zu\r\n\r\n", body.len);
	memcpy(sent + len, body.ptr, body.len);
	return len + body.len;
}

static void move(struct sim_peer **peer)
{
	size_t len;

	if (!*peer || sim_peer_is_over(*peer))
		*peer = sim_connect(site.sim);
	switch (roll(12)) {
	case 0:
		sim_peer_fin(*peer);
		*peer = NULL;
		break;
	case 1:
		sim_peer_reset(*peer);
		*peer = NULL;
		break;
	case 2:
		sim_peer_set_reading(*peer, false);
		break;
	case 3:
	case 4:
		sim_peer_set_reading(*peer, true);
		break;
	case 5:
		sim_peer_read(*peer, roll(100000));
		break;
	default:
		len = write_one();
		if (roll(6) == 0) {
			sim_peer_send(*peer, sent, roll((uint32_t)len));
			*peer = NULL;
		} else {
			sim_peer_send(*peer, sent, len);
		}
		break;
	}
	if (*peer)
		sim_peer_forget(*peer);
}

static void play(uint64_t seed)
{
	const struct ouro_options server_options = { .compress = true,
						     .decompress = true,
						     .fibers_max = 8,
						     .recv_buffers = 8,
						     .offload_threads = 2,
						     .offload_queue_max = 3,
						     .drain_timeout_ms = 200,
						     .body_timeout_ms = 300,
						     .write_timeout_ms = 300 };
	const struct sim_settings wild = sim_wild(seed), calm = { .zero_copy = wild.zero_copy };
	struct sim_peer *peers[CLIENTS] = { 0 };
	int before = count_files("/proc/self/fd");

	dice = seed;
	site_open_with(&site, &server_options, &wild, set_up);
	site.server->log.level = OURO_LOG_NOTHING;
	for (int step = 0; step < STEPS; step++) {
		move(&peers[roll(CLIENTS)]);
		sim_advance(site.loop, roll(20));
		if (roll(NAPPING) == 0)
			usleep(NAP_US);
		site.logged[0] = '\0';
	}
	ouro_worker_drain(site.worker);
	sim_change(site.sim, &calm);
	for (int i = 0; i < NAPS_MAX && !ouro_worker_is_finished(site.worker); i++) {
		sim_advance(site.loop, 10);
		usleep(NAP_US);
	}
	cr_assert(ouro_worker_is_finished(site.worker), "seed %lu", (unsigned long)seed);
	await_jobs();
	cr_assert_eq(site.worker->coders.encoder_count, 0);
	cr_assert_eq(site.worker->coders.decoder_count, 0);
	site_close(&site);
	cr_assert_eq(count_files("/proc/self/fd"), before, "seed %lu", (unsigned long)seed);
}

Test(coding_random, whatever_happens_nothing_is_left)
{
	/* Others by hand: OURO_SEED=1000 OURO_SEEDS=5000. */
	const char *from = getenv("OURO_SEED"), *how_many = getenv("OURO_SEEDS");
	uint64_t first = from ? strtoull(from, NULL, 10) : 1;
	uint64_t count = how_many ? strtoull(how_many, NULL, 10) : from ? 1 : SEEDS;

	fill_words(words, sizeof(words));
	for (uint64_t seed = first; seed < first + count; seed++) {
		if (from)
			fprintf(stderr, "seed %lu\n", (unsigned long)seed);
		play(seed);
	}
	cr_assert(from || (handlers > SEEDS * 5 && ended_well > 0), "%d %d", handlers, ended_well);
}
