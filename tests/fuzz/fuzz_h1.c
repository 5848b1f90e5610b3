/* Fuzz target of the HTTP/1 session: the bytes of one connection are played to a server on the
 * simulated backend, whole and to a calm kernel, then cut anywhere and to one that does as it likes.
 * The answers must be the same, and well-formed, and nothing may be left behind: that is checked by
 * site_close() and by the backend's own end. */
#include "server/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_BYTES_MAX = 16 * 1024 };

struct outcome {
	char *ptr;
	size_t len;
	bool reset;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* FNV-1a: cuts and kernel follow from the bytes, so that a finding can be played again. */
static uint64_t hash(const uint8_t *data, size_t len)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ data[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static struct outcome finish(struct site *site, struct sim_peer *peer)
{
	struct ouro_str got;
	struct outcome outcome;

	sim_advance(site->loop, 2 * SITE_LATER_MS);
	got = sim_peer_received(peer);
	outcome = (struct outcome){ malloc(got.len + 1), got.len, sim_peer_saw_reset(peer) };
	memcpy(outcome.ptr, got.ptr, got.len);
	site_close(site);
	return outcome;
}

static struct outcome play_whole(const char *data, size_t len)
{
	struct site site;
	struct sim_peer *peer;

	site_open_for_replay(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_send(peer, data, len);
	sim_peer_fin(peer);
	sim_settle(site.loop);
	return finish(&site, peer);
}

static struct outcome play_cut(const char *data, size_t len, uint64_t seed)
{
	struct sim_settings settings = sim_wild(seed);
	struct ouro_options options = {
		.recv_buffers = 1U << seed % 5,
		.recv_buffer_bytes = 64U << seed % 7,
	};
	struct site site;
	struct sim_peer *peer;
	size_t done = 0;

	settings.reset = 0;
	site_open_for_replay(&site, &options, &settings);
	peer = site_connect(&site);
	while (done < len) {
		size_t piece = 1 + sim_random(site.sim, 1 + (uint32_t)len / 4);

		if (piece > len - done)
			piece = len - done;
		if (!sim_peer_send(peer, data + done, piece))
			break;
		done += piece;
		ouro_loop_turn(site.loop, false);
	}
	if (done == len)
		sim_peer_fin(peer);
	sim_settle(site.loop);
	return finish(&site, peer);
}

static void expect(bool fact, const char *what, const struct outcome *a, const struct outcome *b)
{
	if (fact)
		return;
	fprintf(stderr, "%s\nwhole: %.*s\ncut: %.*s\n", what, (int)a->len, a->ptr, (int)b->len,
		b->ptr);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct outcome whole, cut;

	if (len > INPUT_BYTES_MAX)
		return 0;
	whole = play_whole((const char *)data, len);
	cut = play_cut((const char *)data, len, hash(data, len));
	/* Who asks for the end and sends on may be reset, once it has its answer. */
	expect(!whole.reset, "a reset", &whole, &cut);
	expect(whole.len == cut.len && memcmp(whole.ptr, cut.ptr, whole.len) == 0,
	       "the answers differ", &whole, &cut);
	expect(answers_are_whole(ouro_str(whole.ptr, whole.len)), "an answer is malformed", &whole,
	       &cut);
	free(whole.ptr);
	free(cut.ptr);
	return 0;
}
