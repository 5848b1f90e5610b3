/* The cases of the Autobahn test suite for servers about permessage-deflate, 12 and 13, by their
 * numbers: messages of 16 bytes to 128 KiB of five kinds of data, in one frame or many, with every
 * kind of offer. Its files are not here; what is made in their place has their nature. Of each size
 * it sends 1000, here they are as many as make some 128 KiB.
 *
 * https://github.com/crossbario/autobahn-testsuite */
#include "base/str.h"
#include "zclient.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATA_BYTES = 256 * 1024, CASE_BYTES = 128 * 1024, MESSAGES_MAX = 50, SIZES = 18 };

static const struct {
	size_t bytes, fragment;
} sizes[SIZES] = {
	{ 16, 0 },        { 64, 0 },        { 256, 0 },        { 1024, 0 },    { 4096, 0 },
	{ 8192, 0 },      { 16384, 0 },     { 32768, 0 },      { 65536, 0 },   { 131072, 0 },
	{ 8192, 256 },    { 16384, 256 },   { 32768, 256 },    { 65536, 256 }, { 131072, 256 },
	{ 131072, 1024 }, { 131072, 4096 }, { 131072, 32768 },
};

static unsigned seed;

static unsigned draw(unsigned below)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % below;
}

static void put(char *data, size_t *at, const char *text)
{
	while (*text && *at < DATA_BYTES)
		data[(*at)++] = *text++;
}

static void make_json(char *data)
{
	char line[128];

	for (size_t at = 0; at < DATA_BYTES;) {
		snprintf(line, sizeof(line),
			 "{\"id\": %u, \"name\": \"user%u\", \"tags\": [\"a\", \"b%u\"]},\n",
			 draw(100000), draw(500), draw(20));
		put(data, &at, line);
	}
}

/* A picture: neighbours differ by little. */
static void make_picture(char *data)
{
	unsigned char grey = 128;

	for (size_t at = 0; at < DATA_BYTES; at++)
		data[at] = (char)(grey = (unsigned char)(grey + draw(9) - 4));
}

/* Prose with letters outside ASCII, sent as binary, so that a message may be cut in one. */
static void make_prose(char *data)
{
	static const char *const words[] = { "Habe ",           "nun, ",
					     "ach! ",           "Philosophie,\n",
					     "Juristerei ",     "und ",
					     "Medizin,\n",      "durchaus ",
					     "studiert, ",      "mit hei\303\237em ",
					     "Bem\303\274hn.\n" };

	for (size_t at = 0; at < DATA_BYTES;)
		put(data, &at, words[draw(sizeof(words) / sizeof(words[0]))]);
}

static void make_html(char *data)
{
	char line[128];

	for (size_t at = 0; at < DATA_BYTES;) {
		snprintf(line, sizeof(line),
			 "<li class=\"item%u\"><a href=\"/page/%u\">%u</a></li>\n", draw(4),
			 draw(1000), draw(1000));
		put(data, &at, line);
	}
}

/* Much that is compressed already, and some text about it. */
static void make_pdf(char *data)
{
	for (size_t at = 0; at < DATA_BYTES; at++)
		data[at] = at % 4096 < 400 ? "0 obj << /Length >> stream\n"[at % 27]
					   : (char)draw(256);
}

static const struct {
	void (*make)(char *data);
	unsigned opcode;
} kinds[] = {
	{ make_json, TEXT }, { make_picture, BINARY }, { make_prose, BINARY },
	{ make_html, TEXT }, { make_pdf, BINARY },
};

static struct peer peer;
static struct zclient client;

/* Gives @input in one piece, or cut into pieces of any size. */
static void give(const struct bytes *input, bool cut)
{
	size_t at = 0;

	while (at < input->len) {
		size_t len = cut ? 1 + draw(draw(2) ? 10 : 3000) : input->len;

		if (len > input->len - at)
			len = input->len - at;
		fake_input(&peer.fake, input->ptr + at, len);
		at += len;
	}
}

static void run_case(const char *name, const struct ouro_ws_deflate_params *params,
		     const char *data, unsigned opcode, size_t size_index, bool cut)
{
	size_t bytes = sizes[size_index].bytes, count = CASE_BYTES / bytes;
	struct bytes input = { 0 }, message = { 0 };

	if (count > MESSAGES_MAX)
		count = MESSAGES_MAX;
	peer_open(&peer, cut ? &peer_pieces : &peer_joined, NULL, params);
	zclient_init(&client, params);
	for (size_t n = 0; n < count; n++) {
		const char *text = data + n * bytes % (DATA_BYTES - bytes);

		input.len = 0;
		zclient_add(&client, &input, opcode, text, bytes, sizes[size_index].fragment);
		give(&input, cut);
		cr_assert_eq(zclient_read(&client, &peer, &message), opcode, "%s", name);
		cr_assert_eq(message.len, bytes, "%s", name);
		cr_assert_eq(memcmp(message.ptr, text, bytes), 0, "%s", name);
	}
	cr_assert(bytes < 256 || client.compressed > 0 || opcode == BINARY, "%s", name);
	peer_send(&peer, FIN | CLOSE, "\x03\xe8", 2);
	expect_end(&peer, OURO_CLOSE_FLUSH, 1000, true);
	zclient_fini(&client);
	peer_fini(&peer);
	bytes_free(&input);
	bytes_free(&message);
}

static struct ouro_ws_deflate_params negotiate(const char *offers,
					       const struct ouro_ws_deflate_wishes *wishes)
{
	struct ouro_ws_deflate_params params;

	cr_assert_eq(ouro_ws_negotiate_deflate(ouro_str_c(offers), wishes, &params), 0);
	cr_assert(params.enabled);
	return params;
}

static void run_sizes(const char *group, unsigned number,
		      const struct ouro_ws_deflate_params *params, unsigned kind)
{
	char *data = malloc(DATA_BYTES), name[32];

	seed = number;
	kinds[kind].make(data);
	for (size_t i = 0; i < SIZES; i++) {
		snprintf(name, sizeof(name), "%s.%u.%zu", group, number, i + 1);
		run_case(name, params, data, kinds[kind].opcode, i, false);
		run_case(name, params, data, kinds[kind].opcode, i, true);
	}
	free(data);
}

Test(ws_autobahn_deflate, c12_five_kinds_of_data, .timeout = 240)
{
	struct ouro_ws_deflate_wishes none = { 0 };
	struct ouro_ws_deflate_params params =
		negotiate("permessage-deflate; client_no_context_takeover; client_max_window_bits",
			  &none);

	for (unsigned kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
		run_sizes("12", kind + 1, &params, kind);
}

#define PMD "permessage-deflate; client_no_context_takeover; client_max_window_bits"

Test(ws_autobahn_deflate, c13_every_kind_of_offer, .timeout = 240)
{
	static const struct {
		const char *offers;
		struct ouro_ws_deflate_wishes wishes;
	} cases[] = {
		{ PMD, { 0 } },
		{ PMD "; server_no_context_takeover", { .client_no_context_takeover = true } },
		{ PMD "; server_max_window_bits=9", { .client_window_bits = 9 } },
		{ PMD "; server_max_window_bits=15", { .client_window_bits = 15 } },
		{ PMD "; server_no_context_takeover; server_max_window_bits=9",
		  { .client_no_context_takeover = true, .client_window_bits = 9 } },
		{ PMD "; server_no_context_takeover; server_max_window_bits=15",
		  { .client_no_context_takeover = true, .client_window_bits = 15 } },
		{ PMD "; server_no_context_takeover; server_max_window_bits=9, " PMD
		      "; server_no_context_takeover, " PMD,
		  { .client_no_context_takeover = true, .client_window_bits = 9 } },
		/* Not among the suite's: both sides keep their contexts. */
		{ "permessage-deflate; client_max_window_bits", { 0 } },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ouro_ws_deflate_params params = negotiate(cases[i].offers, &cases[i].wishes);

		run_sizes("13", i + 1, &params, 0);
	}
}
