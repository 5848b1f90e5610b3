/* Static files for clients that ask for several at once, dawdle, close their side and go as chance has it,
 * with disks that have to be waited for now and then, on a kernel where everything goes wrong: whoever stays
 * gets what it asked for, in its order, and nothing is left. */
#include "files.h"

#include <errno.h>
#include <sys/uio.h>

enum {
	SEEDS = 30,
	CLIENTS = 8,
	STEPS = 100,
	ASKED_MAX = 12, /* requests of one client */
	FILES = 6,
	LARGE_BYTES = 300000, /* over the high mark */
};

static const size_t sizes[FILES] = { 0, 1, 16384, 16385, 70000, LARGE_BYTES };
static char content[LARGE_BYTES];
static uint64_t dice;

struct client {
	struct sim_peer *peer;
	bool has_ended, has_reset;
	int asked_count;
	struct asked {
		size_t from, bytes;
		unsigned status;
		bool is_head;
	} asked[ASKED_MAX];
};

static uint32_t roll(uint32_t bound)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((dice >> 33) % bound);
}

/* A disk that is to be waited for, of which the loop asks in this way alone. Programs with large files call
 * it by the second name. */
ssize_t __real_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
ssize_t __wrap_preadv64v2(int fd, const struct iovec *iov, int count, off_t offset, int flags);

ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	if (flags & RWF_NOWAIT && roll(3) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return __real_preadv2(fd, iov, count, offset, flags);
}

ssize_t __wrap_preadv64v2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	return __wrap_preadv2(fd, iov, count, offset, flags);
}

static void make_files(void)
{
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (char)('a' + i * 31 % 23 + i / 4096 % 3);
	tree_create();
	for (int i = 0; i < FILES; i++) {
		char path[8];
		FILE *file;

		snprintf(path, sizeof(path), "%d", i);
		file = fopen(path, "w");
		cr_assert_not_null(file);
		cr_assert_eq(fwrite(content, 1, sizes[i], file), sizes[i]);
		fclose(file);
	}
}

static void ask(struct client *client)
{
	struct asked *asked = &client->asked[client->asked_count];
	int file = (int)roll(FILES + 1);
	size_t size = file < FILES ? sizes[file] : 0;
	char range[64] = "", request[256];

	if (client->has_ended || client->asked_count == ASKED_MAX)
		return;
	*asked = (struct asked){ .bytes = size, .status = file < FILES ? 200 : 404 };
	asked->is_head = roll(8) == 0;
	if (size > 1 && !asked->is_head && roll(2)) {
		asked->from = roll((uint32_t)size);
		asked->bytes = 1 + roll((uint32_t)(size - asked->from));
		asked->status = 206;
		snprintf(range, sizeof(range), "Range: bytes=%zu-%zu\r\n", asked->from,
			 asked->from + asked->bytes - 1);
	}
	snprintf(request, sizeof(request), "%s /files/%d HTTP/1.1\r\nHost: a\r\n%s\r\n",
		 asked->is_head ? "HEAD" : "GET", file, range);
	if (sim_peer_say(client->peer, request))
		client->asked_count++;
}

static void act(struct client *client)
{
	if (!client->peer) {
		*client = (struct client){ .peer = site_connect(&site) };
		sim_peer_set_reading(client->peer, roll(2));
		return;
	}
	switch (roll(10)) {
	case 0:
		sim_peer_set_reading(client->peer, roll(2));
		return;
	case 1:
		sim_peer_read(client->peer, 1 + roll(200000));
		return;
	case 2:
		if (roll(6) == 0) {
			sim_peer_reset(client->peer);
			client->has_ended = client->has_reset = true;
		}
		return;
	case 3:
		if (roll(4) == 0) {
			sim_peer_fin(client->peer);
			client->has_ended = true;
		}
		return;
	case 4:
		usleep(100);
		return;
	default:
		ask(client);
	}
}

/* What came must be what was asked for; all of it, unless the connection was reset by either side. */
static void check(const struct client *client, uint64_t seed)
{
	struct ouro_str bytes = sim_peer_received(client->peer);
	struct answer answer;
	int got = 0;

	while (got < client->asked_count &&
	       answer_read(&bytes, client->asked[got].is_head, &answer)) {
		const struct asked *asked = &client->asked[got++];

		cr_assert_eq(answer.status, asked->status, "seed %lu", (unsigned long)seed);
		if (asked->status == 404 || asked->is_head)
			continue;
		cr_assert_eq(answer.body.len, asked->bytes);
		cr_assert_eq(memcmp(answer.body.ptr, content + asked->from, asked->bytes), 0);
	}
	if (!client->has_reset &&
	    (sim_peer_saw_end(client->peer) || !sim_peer_is_over(client->peer)))
		cr_assert_eq(got, client->asked_count, "seed %lu: %d of %d", (unsigned long)seed,
			     got, client->asked_count);
}

static bool is_quiet(void)
{
	const struct ouro_conns *conns = &site.worker->conns;

	for (uint32_t i = 0; i < conns->used_slots; i++)
		if (conns->slots[i].state != OURO_CONN_FREE && conns->slots[i].out)
			return false;
	return site.worker->jobs == 0;
}

static void run(uint64_t seed)
{
	struct sim_settings settings = sim_wild(seed);
	struct client clients[CLIENTS] = { 0 };

	dice = seed;
	files_options = (struct ouro_files_options){ .revalidate_ms = 20, .cached_files_max = 4 };
	/* However slow the threads are, there is room for the work of all clients: none is 503. */
	site_open_with(&site, &(struct ouro_options){ .offload_queue_max = 64 }, &settings,
		       set_up_files);
	for (int i = 0; i < STEPS; i++) {
		act(&clients[roll(CLIENTS)]);
		if (roll(3) == 0)
			sim_settle(site.loop);
		if (roll(20) == 0)
			sim_advance(site.loop, roll(30));
	}
	for (int i = 0; i < CLIENTS; i++)
		if (clients[i].peer)
			sim_peer_set_reading(clients[i].peer, true);
	do {
		sim_settle(site.loop);
		usleep(200);
		sim_settle(site.loop);
	} while (!is_quiet());
	for (int i = 0; i < CLIENTS; i++)
		if (clients[i].peer)
			check(&clients[i], seed);
	site_close(&site);
}

Test(static_random, who_stays_gets_what_it_asked_for)
{
	const char *only = getenv("SEED");

	make_files();
	for (uint64_t seed = 1; seed <= SEEDS && !only; seed++)
		run(seed);
	if (only)
		run(strtoull(only, NULL, 10));
	tree_remove();
}
