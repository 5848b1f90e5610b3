/* Plays bytes to the HTTP/1 parser: see replay.h. */
#include "replay.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX (1 << 20)
#define INPUT_BYTES_MAX (1 << 18)

const struct ouro_http1_limits replay_limits = {
	.head_bytes_max = 16384,
	.target_bytes_max = 8192,
	.fields_max = 100,
	.body_bytes_max = 1 << 20,
};

struct text {
	char *bytes;
	size_t len;
};

/* A connection: the parser, what it has said so far, and what came of the head being read. */
struct player {
	struct ouro_http1_parser parser;
	const struct ouro_http1_limits *limits;
	struct guard piece_guard;
	struct guard head_guard;
	struct text text;
	char *head;
	size_t head_len;
	char *body;
	size_t body_len;
	bool in_body;
	bool bad;
};

static void put(struct text *text, const char *data, size_t len)
{
	cr_assert(text->len + len < TEXT_BYTES_MAX);
	memcpy(text->bytes + text->len, data, len);
	text->len += len;
	text->bytes[text->len] = '\0';
}

static void put_str(struct text *text, struct ouro_str str)
{
	put(text, str.ptr, str.len);
}

__attribute__((format(printf, 2, 3))) static void put_format(struct text *text, const char *format,
							     ...)
{
	char line[256];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	cr_assert(len >= 0 && (size_t)len < sizeof(line));
	put(text, line, (size_t)len);
}

static void put_words(struct text *text, const struct ouro_http1_parser *p)
{
	static const char *const forms[] = { "", " absolute", " authority", " asterisk" };

	put_format(text, "%s%s%s%s%s", forms[p->form], p->keep_alive ? " keep-alive" : "",
		   p->expects_continue ? " 100-continue" : "", p->upgrade ? " upgrade" : "",
		   p->chunked ? " chunked" : "");
}

static void put_span(struct text *text, const struct ouro_http1_parser *p, const char *head,
		     struct ouro_span span)
{
	cr_assert(span.offset + span.len <= p->head_bytes);
	put(text, head + span.offset, span.len);
}

static void put_head(struct text *text, const struct ouro_http1_parser *p, const char *head)
{
	put_span(text, p, head, p->method_name);
	put(text, " ", 1);
	put_span(text, p, head, p->target);
	put_format(text, " HTTP/1.%d host=", p->version_minor);
	put_span(text, p, head, p->host);
	put_format(text, " path=");
	put_str(text, ouro_http1_path(p, head));
	if (p->query.offset) {
		put_format(text, " query=");
		put_span(text, p, head, p->query);
	}
	put_words(text, p);
	for (uint32_t i = 0; i < p->field_count; i++) {
		put(text, " {", 2);
		put_span(text, p, head, p->fields[i].name);
		put(text, ": ", 2);
		put_span(text, p, head, p->fields[i].value);
		put(text, "}", 1);
	}
}

static void put_bad(struct player *player)
{
	put_format(&player->text, "%u %s\n", player->parser.status, player->parser.reason);
	player->bad = true;
}

static void begin_request(struct player *player)
{
	/* What is left from the request before must not matter. */
	memset(player->parser.fields, 0xa5, sizeof(player->parser.fields));
	ouro_http1_parser_init(&player->parser, player->limits);
	player->head_len = 0;
	player->body_len = 0;
	player->in_body = false;
}

static void end_request(struct player *player)
{
	if (player->parser.has_body) {
		put_format(&player->text, " body(%zu)=", player->body_len);
		put(&player->text, player->body, player->body_len);
	}
	put(&player->text, "\n", 1);
	begin_request(player);
}

static size_t play_head(struct player *player, const char *data, size_t len)
{
	size_t used = len;
	enum ouro_parse verdict = ouro_http1_parse_head(&player->parser, data, len, &used);
	const char *head;

	if (verdict == OURO_PARSE_BAD) {
		put_bad(player);
		return len;
	}
	cr_assert(used <= len);
	cr_assert(player->head_len + used <= INPUT_BYTES_MAX);
	memcpy(player->head + player->head_len, data, used);
	player->head_len += used;
	cr_assert_eq(player->head_len, player->parser.head_bytes);
	if (verdict == OURO_PARSE_MORE) {
		cr_assert_eq(used, len);
		return used;
	}
	head = guard_put(&player->head_guard, player->head, player->head_len);
	if (ouro_http1_check_head(&player->parser, head) == OURO_PARSE_BAD) {
		put_bad(player);
		return len;
	}
	put_head(&player->text, &player->parser, head);
	player->in_body = true;
	if (!player->parser.has_body)
		end_request(player);
	return used;
}

static size_t play_body(struct player *player, const char *data, size_t len)
{
	struct ouro_str payload = { NULL, 0 };
	size_t used = 0;
	enum ouro_parse verdict;

	verdict = ouro_http1_parse_body(&player->parser, data, len, &used, &payload);
	if (verdict == OURO_PARSE_BAD) {
		/* How much payload was seen before the fault depends on the cuts. */
		put_format(&player->text, "\n");
		put_bad(player);
		return len;
	}
	cr_assert(used <= len && (used > 0 || verdict == OURO_PARSE_DONE));
	cr_assert(payload.ptr >= data && payload.ptr + payload.len <= data + used);
	cr_assert(player->body_len + payload.len <= INPUT_BYTES_MAX);
	if (payload.len > 0)
		memcpy(player->body + player->body_len, payload.ptr, payload.len);
	player->body_len += payload.len;
	cr_assert_eq(player->body_len, player->parser.body_bytes);
	if (verdict == OURO_PARSE_DONE)
		end_request(player);
	return used;
}

static void play_piece(struct player *player, const char *piece, size_t len)
{
	const char *data = guard_put(&player->piece_guard, piece, len);

	while (len > 0 && !player->bad) {
		size_t used = player->in_body ? play_body(player, data, len)
					      : play_head(player, data, len);

		data += used;
		len -= used;
	}
}

static void player_init(struct player *player)
{
	memset(player, 0, sizeof(*player));
	guard_init(&player->piece_guard, INPUT_BYTES_MAX);
	guard_init(&player->head_guard, INPUT_BYTES_MAX);
	player->head = malloc(INPUT_BYTES_MAX);
	player->text.bytes = malloc(TEXT_BYTES_MAX);
	player->body = malloc(INPUT_BYTES_MAX);
	cr_assert(player->text.bytes && player->head && player->body);
}

static void player_fini(struct player *player)
{
	guard_fini(&player->piece_guard);
	guard_fini(&player->head_guard);
	free(player->text.bytes);
	free(player->head);
	free(player->body);
}

/* Plays @input with a cut at @cut, then every @step bytes. */
static struct ouro_str play(struct player *player, struct ouro_str input, size_t cut, size_t step)
{
	player->text.len = 0;
	player->bad = false;
	begin_request(player);
	play_piece(player, input.ptr, cut);
	for (size_t at = cut; at < input.len && !player->bad; at += step)
		play_piece(player, input.ptr + at, input.len - at < step ? input.len - at : step);
	if (!player->bad && (player->in_body || player->parser.head_bytes > 0))
		put_format(&player->text, "more\n");
	return ouro_str(player->text.bytes, player->text.len);
}

const char *replay(struct ouro_str input, const struct ouro_http1_limits *limits)
{
	static char whole[TEXT_BYTES_MAX];
	struct player *player = malloc(sizeof(*player));
	struct ouro_str expected = { whole, 0 };

	cr_assert(player && input.len <= INPUT_BYTES_MAX);
	player_init(player);
	player->limits = limits;
	expected.len = play(player, input, input.len, 1).len;
	memcpy(whole, player->text.bytes, expected.len);
	whole[expected.len] = '\0';
	/* Long inputs are long in one place, where a cut here is like a cut there. */
	for (size_t cut = 1; cut < input.len; cut += 1 + input.len / 2048)
		cr_assert(ouro_str_eq(play(player, input, cut, input.len), expected),
			  "cut at %zu differs for: %.*s", cut, (int)input.len, input.ptr);
	for (size_t step = 1; step <= 3; step += 2)
		cr_assert(ouro_str_eq(play(player, input, 0, step), expected),
			  "pieces of %zu differ for: %.*s", step, (int)input.len, input.ptr);
	player_fini(player);
	free(player);
	return whole;
}

void expect_replay(struct ouro_str input, const struct ouro_http1_limits *limits,
		   const char *expected)
{
	cr_expect_str_eq(replay(input, limits), expected);
}

void expect_status(struct ouro_str input, unsigned status)
{
	const char *text = replay(input, &replay_limits);

	cr_expect_eq((unsigned)atoi(text), status, "%.*s gives %s, not %u", (int)input.len,
		     input.ptr, text, status);
}

void expect_statuses(const struct bad_request *requests, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect_status(requests[i].input, requests[i].status);
}
