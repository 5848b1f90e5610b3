/* Bodies of type multipart/form-data: whole, cut at every byte, and at the edge of a guarded page. */
#include "proto/multipart.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	TEXT_BYTES = 1 << 17,
	BODY_BYTES = 1 << 16,
	PIECE_BYTES = 16384,
	CUTS = 1024,
	LARGE_MIB = 20,
	LARGE_BYTES = LARGE_MIB << 20,
	LARGE_PLAIN = 1021, /* bytes between what looks like a delimiter */
};

#define NAMED "Content-Disposition: form-data; name=\"a\"\r\n"
#define PART(data) "--b\r\n" NAMED "\r\n" data "\r\n"
#define TOLD(data) "[name=a {Content-Disposition: form-data; name=\"a\"} \"" data "\"]"
#define ENDS "--b--\r\n"

/* ---- Playing bodies ---- */

struct player {
	struct ouro_multipart_parser parser;
	size_t header_max;
	struct guard guard;
	size_t len;
	char text[TEXT_BYTES];
};

static void put(struct player *player, struct ouro_str str)
{
	cr_assert_lt(player->len + str.len, sizeof(player->text));
	memcpy(player->text + player->len, str.ptr, str.len);
	player->len += str.len;
	player->text[player->len] = '\0';
}

static void put_c(struct player *player, const char *text)
{
	put(player, ouro_str_c(text));
}

static void put_text(struct player *player, const char *label, const struct ouro_param *param)
{
	char out[OURO_MULTIPART_HEADER_BYTES_MAX];

	if (!param->value.ptr)
		return;
	put_c(player, label);
	put(player, ouro_str(out, ouro_multipart_text(param, out)));
}

static void put_part(struct player *player)
{
	const struct ouro_multipart_parser *p = &player->parser;

	put_c(player, "[");
	put_text(player, "name=", &p->name);
	put_text(player, " filename=", &p->filename);
	if (p->content_type.ptr) {
		put_c(player, " type=");
		put(player, p->content_type);
	}
	for (uint32_t i = 0; i < p->field_count; i++) {
		put_c(player, " {");
		put(player, p->fields[i].name);
		put_c(player, ": ");
		put(player, p->fields[i].value);
		put_c(player, "}");
	}
	put_c(player, " \"");
}

static void put_verdict(struct player *player)
{
	const struct ouro_multipart_parser *p = &player->parser;
	char line[128];

	snprintf(line, sizeof(line), "%s at %llu: %s", p->is_limit ? "limit" : "bad",
		 (unsigned long long)p->fault_at, p->reason);
	put_c(player, line);
}

static bool is_within(struct ouro_str view, const char *begin, size_t len)
{
	return view.ptr >= begin && view.ptr + view.len <= begin + len;
}

/* Whether it goes on. */
static bool play_piece(struct player *player, const char *data, size_t len)
{
	const char *copy = guard_put(&player->guard, data, len);
	struct ouro_multipart_parser *p = &player->parser;
	struct ouro_str piece = ouro_str(copy, len), view;
	enum ouro_multipart_event event;

	while ((event = ouro_multipart_parse(p, &piece, &view)) != OURO_MULTIPART_MORE) {
		switch (event) {
		case OURO_MULTIPART_PART:
			put_part(player);
			break;
		case OURO_MULTIPART_DATA:
			cr_assert_gt(view.len, 0);
			cr_assert(is_within(view, copy, len) ||
				  is_within(view, p->delimiter, sizeof(p->delimiter)));
			put(player, view);
			break;
		case OURO_MULTIPART_PART_END:
			put_c(player, "\"]");
			break;
		case OURO_MULTIPART_BAD:
			put_verdict(player);
			return false;
		case OURO_MULTIPART_MORE:
			break;
		}
	}
	cr_assert_eq(piece.len, 0);
	return true;
}

/* Plays with a cut at @cut, then every @step bytes. */
static struct ouro_str play(struct player *player, struct ouro_str body, size_t cut, size_t step)
{
	bool going = true;

	player->len = 0;
	memset(&player->parser, 0xa5, sizeof(player->parser));
	ouro_multipart_init(&player->parser, OURO_STR("b"), player->header_max);
	if (cut > 0)
		going = play_piece(player, body.ptr, cut);
	for (size_t at = cut; at < body.len && going; at += step)
		going = play_piece(player, body.ptr + at,
				   body.len - at < step ? body.len - at : step);
	if (going && ouro_multipart_finish(&player->parser))
		put_c(player, "end");
	else if (going)
		put_verdict(player);
	return ouro_str(player->text, player->len);
}

static void expect_within(size_t header_max, struct ouro_str body, const char *expected)
{
	struct player *player = malloc(sizeof(*player));
	struct ouro_str wanted = ouro_str_c(expected), got;

	cr_assert(player);
	player->header_max = header_max;
	guard_init(&player->guard, BODY_BYTES);
	got = play(player, body, body.len, 1);
	cr_expect(ouro_str_eq(got, wanted), "got %.*s\nnot %s\nfor %.*s", (int)got.len, got.ptr,
		  expected, (int)body.len, body.ptr);
	/* Long bodies are long in one place, where a cut here is like a cut there. */
	for (size_t cut = 1; cut < body.len; cut += 1 + body.len / CUTS)
		cr_assert(ouro_str_eq(play(player, body, cut, body.len), wanted),
			  "cut at %zu: got %s\nnot %s", cut, player->text, expected);
	for (size_t step = 1; step <= 3; step++)
		cr_assert(ouro_str_eq(play(player, body, 0, step), wanted),
			  "pieces of %zu: got %s\nnot %s", step, player->text, expected);
	guard_fini(&player->guard);
	free(player);
}

static void expect(const char *body, const char *expected)
{
	expect_within(OURO_MULTIPART_HEADER_BYTES_MAX, ouro_str_c(body), expected);
}

/* ---- Boundaries ---- */

static void expect_boundary(const char *content_type, ssize_t expected, const char *boundary)
{
	char out[OURO_MULTIPART_BOUNDARY_MAX];
	ssize_t len = ouro_multipart_boundary(ouro_str_c(content_type), out);

	cr_expect_eq(len, expected, "%s: %zd", content_type, len);
	if (len > 0)
		cr_expect(ouro_str_eq(ouro_str(out, (size_t)len), ouro_str_c(boundary)));
}

#define SEVENTY "1234567890123456789012345678901234567890123456789012345678901234567890"

Test(multipart, boundaries_are_named_by_the_content_type)
{
	expect_boundary("multipart/form-data; boundary=b", 1, "b");
	expect_boundary("Multipart/Form-Data;charset=utf-8; BOUNDARY=----x", 5, "----x");
	expect_boundary("multipart/form-data; boundary=\"a b:'()+_,-./=?\"", 15, "a b:'()+_,-./=?");
	expect_boundary("multipart/form-data; boundary=" SEVENTY, 70, SEVENTY);
}

Test(multipart, of_another_media_type_there_is_none)
{
	expect_boundary("multipart/mixed; boundary=b", -EPROTONOSUPPORT, NULL);
	expect_boundary("application/x-www-form-urlencoded", -EPROTONOSUPPORT, NULL);
	expect_boundary("", -EPROTONOSUPPORT, NULL);
	expect_boundary("multipart/form-data", -ENOENT, NULL);
	expect_boundary("multipart/form-data; charset=utf-8", -ENOENT, NULL);
}

Test(multipart, boundaries_have_one_to_seventy_characters_of_some)
{
	static const char *const bad[] = {
		"multipart/form-data; boundary=",
		"multipart/form-data; boundary=\"\"",
		"multipart/form-data; boundary=\"a \"",
		"multipart/form-data; boundary=\"a\tb\"",
		"multipart/form-data; boundary=\"a#b\"",
		"multipart/form-data; boundary=a*b",
		"multipart/form-data; boundary=\"\xc3\xbc\"",
		"multipart/form-data; boundary=" SEVENTY "1",
		"multipart/form-data; boundary=a/b",
		"multipart/form-data; boundary=a; boundary=b",
		"multipart/form-data; boundary=a; boundary=a",
		"multipart/form-data; boundary=\"a",
		"multipart/form-data; boundary=a; x",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_boundary(bad[i], -EINVAL, NULL);
}

/* ---- Bodies ---- */

Test(multipart, parts_come_in_order)
{
	expect(PART("one") ENDS, TOLD("one") "end");
	expect(PART("one") PART("") PART("two") ENDS, TOLD("one") TOLD("") TOLD("two") "end");
}

Test(multipart, a_body_may_have_no_part)
{
	expect("--b--\r\n", "end");
	expect("--b--", "end");
	expect("\r\n--b--", "end");
}

Test(multipart, an_empty_part_may_share_the_line_end)
{
	expect("--b\r\n" NAMED "\r\n--b--", TOLD("") "end");
	expect("--b\r\n" NAMED "\r\n--b\r\n" NAMED "\r\n\r\n--b--", TOLD("") TOLD("") "end");
}

Test(multipart, what_begins_like_a_delimiter_is_data)
{
	expect(PART("\r") ENDS, TOLD("\r") "end");
	expect(PART("\r\n") ENDS, TOLD("\r\n") "end");
	expect(PART("\r\n-") ENDS, TOLD("\r\n-") "end");
	expect(PART("\r\n--") ENDS, TOLD("\r\n--") "end");
	expect(PART("\r\n--a\r\n--") ENDS, TOLD("\r\n--a\r\n--") "end");
	expect(PART("\r\r\n\r\r\n-\r\n") ENDS, TOLD("\r\r\n\r\r\n-\r\n") "end");
	expect(PART("--") ENDS, TOLD("--") "end");
	expect(PART("-") ENDS, TOLD("-") "end");
	expect(PART("\n--b") ENDS, TOLD("\n--b") "end");
	expect(PART("x--b--") ENDS, TOLD("x--b--") "end");
}

Test(multipart, data_may_be_any_bytes)
{
	static const char body[] = PART("\0\1\xff\r\0\n") ENDS;
	struct player *player = malloc(sizeof(*player));
	struct ouro_str got;

	cr_assert(player);
	player->header_max = OURO_MULTIPART_HEADER_BYTES_MAX;
	guard_init(&player->guard, BODY_BYTES);
	for (size_t step = 1; step < sizeof(body); step++) {
		got = play(player, ouro_str(body, sizeof(body) - 1), 0, step);
		cr_assert(memmem(got.ptr, got.len, " \"\0\1\xff\r\0\n\"]end", 13));
	}
	guard_fini(&player->guard);
	free(player);
}

Test(multipart, preamble_and_epilogue_are_dropped)
{
	expect("This is a message.\r\n" PART("one") ENDS, TOLD("one") "end");
	expect("\r\n" PART("one") ENDS, TOLD("one") "end");
	expect("--\r\n--c\r\n\r"
	       "\r\n" PART("one") ENDS,
	       TOLD("one") "end");
	expect(PART("one") ENDS "and so on\r\n--b\r\n", TOLD("one") "end");
}

Test(multipart, blanks_may_follow_a_boundary)
{
	expect("--b \t\r\n" NAMED "\r\none\r\n--b-- \t\r\n", TOLD("one") "end");
	expect("--b \r\n" NAMED "\r\none\r\n--b-- ", TOLD("one") "end");
}

Test(multipart, something_else_may_not)
{
	expect("--bc\r\n", "bad at 3: something is behind a boundary");
	expect("--b-c\r\n", "bad at 4: something is behind a boundary");
	expect("--b--c", "bad at 5: something is behind a boundary");
	expect("--b c", "bad at 4: something is behind a boundary");
	expect("--b\rc", "bad at 4: the line of a boundary ends in CR alone");
	expect("--b--\rc", "bad at 6: the line of a boundary ends in CR alone");
	expect("--b\n", "bad at 3: the line of a boundary ends in LF alone");
	expect("--b--\n", "bad at 5: the line of a boundary ends in LF alone");
}

Test(multipart, lines_of_lf_alone_are_no_lines)
{
	expect("--b\n" NAMED "\none\n--b--\n", "bad at 3: the line of a boundary ends in LF alone");
	expect("--b\r\nContent-Disposition: form-data; name=a\n\none",
	       "bad at 43: a line of a part's header ends in LF alone");
	expect("--b\r\n" NAMED "\nx", "bad at 47: a line of a part's header ends in LF alone");
	expect("--b\r\n" NAMED "\r\none\n--b--\n",
	       "[name=a {Content-Disposition: form-data; name=\"a\"} \"one\n--b--\n"
	       "bad at 59: the body ends within a part");
}

/* ---- Ends ---- */

Test(multipart, a_body_ends_behind_its_last_boundary)
{
	expect("", "bad at 0: the body ends before its first boundary");
	expect("--", "bad at 2: the body ends before its first boundary");
	expect("text", "bad at 4: the body ends before its first boundary");
	expect("text\r\n--b", "bad at 9: the body ends within the line of a boundary");
	expect("--b", "bad at 3: the body ends within the line of a boundary");
	expect("--b ", "bad at 4: the body ends within the line of a boundary");
	expect("--b\r", "bad at 4: the body ends within the line of a boundary");
	expect("--b-", "bad at 4: the body ends within the line of a boundary");
	expect("--b--\r", "bad at 6: the body ends within the line of a boundary");
	expect("--b\r\n", "bad at 5: the body ends within the header of a part");
	expect("--b\r\nContent", "bad at 12: the body ends within the header of a part");
	expect("--b\r\n" NAMED, "bad at 47: the body ends within the header of a part");
	expect("--b\r\n" NAMED "\r\n", "[name=a {Content-Disposition: form-data; name=\"a\"} \""
				       "bad at 49: the body ends within a part");
	expect(PART("one"), "[name=a {Content-Disposition: form-data; name=\"a\"} \"one"
			    "bad at 54: the body ends within a part");
}

Test(multipart, what_is_bad_stays_bad)
{
	struct ouro_multipart_parser *p = malloc(sizeof(*p));
	struct ouro_str piece = OURO_STR("--b\n--b--"), view;

	cr_assert(p);
	ouro_multipart_init(p, OURO_STR("b"), OURO_MULTIPART_HEADER_BYTES_MAX);
	cr_assert_eq(ouro_multipart_parse(p, &piece, &view), OURO_MULTIPART_BAD);
	cr_assert_eq(ouro_multipart_parse(p, &piece, &view), OURO_MULTIPART_BAD);
	cr_assert(!ouro_multipart_finish(p));
	cr_assert_eq(p->fault_at, 3);
	free(p);
}

/* ---- Headers ---- */

/* A part with these lines, and what is told of its names alone. */
static void expect_header(const char *lines, const char *expected)
{
	char body[1024], told[1024];
	size_t len = strlen(expected);

	snprintf(body, sizeof(body), "--b\r\n%s\r\n\r\n--b--", lines);
	if (memcmp(expected, "bad", 3) == 0) {
		expect(body, expected);
		return;
	}
	/* The one line, as it stands. */
	snprintf(told, sizeof(told), "%s {%.*s} \"\"]end", expected, (int)(strlen(lines) - 2),
		 lines);
	cr_assert_lt(len, sizeof(told));
	expect(body, told);
}

Test(multipart, names_are_tokens_or_quoted)
{
	expect_header("Content-Disposition: form-data; name=a\r\n", "[name=a");
	expect_header("content-disposition: Form-Data; NAME=\"a b\"\r\n", "[name=a b");
	expect_header("Content-Disposition: form-data; name=\"\"\r\n", "[name=");
	expect_header("Content-Disposition: form-data;name=\"a;b\" ;; x=y; FileName=\"c\"\r\n",
		      "[name=a;b filename=c");
	expect_header("Content-Disposition: form-data; name=a; filename=\"\"\r\n",
		      "[name=a filename=");
	expect_header("Content-Disposition: form-data; name=\"\xc3\xbc\"\r\n", "[name=\xc3\xbc");
}

Test(multipart, quotes_are_escaped_as_browsers_and_others_do)
{
	expect_header("Content-Disposition: form-data; name=\"%22%0D%0A%0d%0a\"\r\n",
		      "[name=\"\r\n\r\n");
	expect_header("Content-Disposition: form-data; name=\"\\\"a\\\\b\"\r\n", "[name=\"a\\b");
	expect_header("Content-Disposition: form-data; name=a; filename=\"C:\\dir\\file\"\r\n",
		      "[name=a filename=C:\\dir\\file");
	expect_header("Content-Disposition: form-data; name=\"%\"\r\n", "[name=%");
	expect_header("Content-Disposition: form-data; name=\"%2\"\r\n", "[name=%2");
	expect_header("Content-Disposition: form-data; name=\"100%25%00\"\r\n", "[name=100%25%00");
	expect_header("Content-Disposition: form-data; name=%22\r\n", "[name=%22");
}

Test(multipart, extended_file_names_do_not_count)
{
	expect_header("Content-Disposition: form-data; name=a; filename*=UTF-8''b\r\n", "[name=a");
	expect_header("Content-Disposition: form-data; filename*=UTF-8''b; name=a; filename=c\r\n",
		      "[name=a filename=c");
}

Test(multipart, a_part_has_one_disposition_with_one_name)
{
	expect_header("Content-Type: text/plain\r\n",
		      "bad at 5: a part has no Content-Disposition");
	expect_header("", "bad at 5: a part has no Content-Disposition");
	expect_header("X: y\r\nContent-Disposition: attachment; name=a\r\n",
		      "bad at 11: the Content-Disposition of a part is not form-data");
	expect_header("Content-Disposition:\r\n",
		      "bad at 5: the Content-Disposition of a part is not form-data");
	expect_header("Content-Disposition: form-data\r\n", "bad at 5: a part has no name");
	expect_header("Content-Disposition: form-data; filename=a\r\n",
		      "bad at 5: a part has no name");
	expect_header("Content-Disposition: form-data; name=a; name=b\r\n",
		      "bad at 5: a part has two names, or two file names");
	expect_header("Content-Disposition: form-data; name=a; filename=b; filename=b\r\n",
		      "bad at 5: a part has two names, or two file names");
	expect_header("Content-Disposition: form-data; name=\"a\r\n",
		      "bad at 5: the Content-Disposition of a part is malformed");
	expect_header("Content-Disposition: form-data; name=a b\r\n",
		      "bad at 5: the Content-Disposition of a part is malformed");
	expect_header(NAMED NAMED, "bad at 47: a part has two fields Content-Disposition");
}

Test(multipart, a_part_may_say_its_content_type_and_more)
{
	expect("--b\r\nX-Other:\r\nContent-Type:  text/plain; charset=utf-8 \r\n" NAMED
	       "\r\none\r\n--b--",
	       "[name=a type=text/plain; charset=utf-8 {X-Other: } "
	       "{Content-Type: text/plain; charset=utf-8} "
	       "{Content-Disposition: form-data; name=\"a\"} \"one\"]end");
	expect("--b\r\nContent-Type: a/b\r\ncontent-type: a/b\r\n" NAMED "\r\n",
	       "bad at 24: a part has two fields Content-Type");
}

Test(multipart, what_one_part_says_is_not_said_of_the_next)
{
	expect("--b\r\nContent-Disposition: form-data; name=a; filename=f\r\nContent-Type: a/b\r\n"
	       "\r\none\r\n" PART("two") ENDS,
	       "[name=a filename=f type=a/b {Content-Disposition: form-data; name=a; filename=f} "
	       "{Content-Type: a/b} \"one\"]" TOLD("two") "end");
}

Test(multipart, lines_of_a_header_are_fields)
{
	expect("--b\r\nno field\r\n", "bad at 5: a line of a part's header is no field");
	expect("--b\r\n: x\r\n", "bad at 5: a line of a part's header is no field");
	expect("--b\r\nX : x\r\n", "bad at 5: a line of a part's header is no field");
	expect("--b\r\nX: y\r\n z\r\n", "bad at 11: a line of a part's header is folded");
	expect("--b\r\n\tz\r\n", "bad at 5: a line of a part's header is folded");
	expect("--b\r\nX: a\rb\r\n", "bad at 5: a field of a part has control characters");
	expect("--b\r\nX: a\x7f\r\n", "bad at 5: a field of a part has control characters");
	expect("--b\r\n--b--\r\n", "bad at 5: a line of a part's header is no field");
}

/* ---- Limits ---- */

static char *repeat(char *at, const char *text, size_t count)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < count; i++, at += len)
		memcpy(at, text, len);
	*at = '\0';
	return at;
}

Test(multipart, headers_have_a_limit)
{
	struct ouro_str body = OURO_STR(PART("one") ENDS);
	const size_t header = sizeof(NAMED) - 1 + 2;
	static char large[2 * BODY_BYTES];
	char *at;

	expect_within(header, body, TOLD("one") "end");
	expect_within(header - 1, body, "limit at 48: the header of a part is too large");
	/* One that never ends. */
	at = repeat(repeat(large, "--b\r\nX: ", 1), "y", 10000);
	expect_within(OURO_MULTIPART_HEADER_BYTES_MAX, ouro_str(large, (size_t)(at - large)),
		      "limit at 8197: the header of a part is too large");
}

Test(multipart, a_part_has_at_most_32_fields)
{
	char body[1024], *at;

	at = repeat(repeat(body, "--b\r\n" NAMED, 1), "x:\r\n", OURO_MULTIPART_FIELDS_MAX);
	expect(body, "limit at 171: a part has too many fields");
	at = repeat(repeat(body, "--b\r\n", 1), "x:\r\n", OURO_MULTIPART_FIELDS_MAX - 1);
	repeat(at, NAMED, 1);
	expect(body, "bad at 171: the body ends within the header of a part");
}

Test(multipart, preambles_have_a_limit)
{
	static char body[BODY_BYTES];
	char *at = repeat(body, "x", OURO_MULTIPART_OUTSIDE_BYTES_MAX);

	repeat(at, "\r\n" PART("one") ENDS, 1);
	expect(body, TOLD("one") "end");
	repeat(at, "x\r\n" PART("one") ENDS, 1);
	expect(body, "bad at 8192: no boundary is at the beginning");
	repeat(at, "\r\n--", 1);
	expect(body, "bad at 8196: the body ends before its first boundary");
	repeat(at, "\r\n--c", 1);
	expect(body, "bad at 8192: no boundary is at the beginning");
}

Test(multipart, epilogues_have_a_limit)
{
	static char body[BODY_BYTES];
	char *at = repeat(body, ENDS, 1);

	at = repeat(at, "\r", OURO_MULTIPART_OUTSIDE_BYTES_MAX);
	expect(body, "end");
	repeat(at, "x", 1);
	expect(body, "limit at 8199: too much is behind the last boundary");
}

Test(multipart, blanks_behind_a_boundary_have_a_limit)
{
	char body[256], *at = repeat(body, "--b", 1);

	at = repeat(at, " ", OURO_MULTIPART_PADDING_MAX);
	repeat(at, "\r\n" NAMED "\r\none\r\n--b--", 1);
	expect(body, TOLD("one") "end");
	repeat(at, "\t", 1);
	expect(body, "limit at 67: too many blanks are behind a boundary");
	at = repeat(repeat(body, "--b--", 1), " ", OURO_MULTIPART_PADDING_MAX);
	expect(body, "end");
	repeat(at, " ", 1);
	expect(body, "limit at 69: too many blanks are behind a boundary");
}

/* ---- Large bodies ---- */

/* A byte of data that cannot be told from its place by chance; with beginnings of delimiters. */
static void fill(char *data, size_t len)
{
	static const char nearly[] = "\r\n--\r\n-\r\r\n--a";

	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 31 >> 3);
	for (size_t i = 0; i + sizeof(nearly) < len; i += LARGE_PLAIN)
		memcpy(data + i, nearly, sizeof(nearly) - 1);
	/* "--b" behind CRLF it must not hold. */
	for (size_t i = 0; i + 5 <= len; i++)
		if (memcmp(data + i, "\r\n--b", 5) == 0)
			data[i] = 'x';
}

/* Parses @body in pieces of @step, comparing the data with @data. Seconds that it took. */
static double parse_large(struct ouro_str body, struct ouro_str data, size_t step)
{
	struct ouro_multipart_parser *p = malloc(sizeof(*p));
	enum ouro_multipart_event event;
	struct timespec start, end;
	size_t seen = 0, parts = 0;

	cr_assert(p);
	ouro_multipart_init(p, OURO_STR("b"), OURO_MULTIPART_HEADER_BYTES_MAX);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (size_t at = 0; at < body.len; at += step) {
		struct ouro_str piece, view;

		piece = ouro_str(body.ptr + at, body.len - at < step ? body.len - at : step);
		while ((event = ouro_multipart_parse(p, &piece, &view)) != OURO_MULTIPART_MORE) {
			cr_assert_neq(event, OURO_MULTIPART_BAD);
			parts += event == OURO_MULTIPART_PART_END;
			if (event != OURO_MULTIPART_DATA)
				continue;
			cr_assert_eq(memcmp(view.ptr, data.ptr + seen, view.len), 0);
			seen += view.len;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	cr_assert(ouro_multipart_finish(p));
	cr_assert_eq(parts, 1);
	cr_assert_eq(seen, data.len);
	free(p);
	return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

Test(multipart, twenty_mebibytes_are_the_same_in_pieces_of_any_size)
{
	static const size_t steps[] = { 1, 1000, PIECE_BYTES, SIZE_MAX / 2 };
	size_t head = strlen("--b\r\n" NAMED "\r\n"), len = head + LARGE_BYTES;
	char *body = malloc(len + 16);

	cr_assert(body);
	memcpy(body, "--b\r\n" NAMED "\r\n", head);
	fill(body + head, LARGE_BYTES);
	memcpy(body + len, "\r\n--b--", 7);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		double seconds = parse_large(ouro_str(body, len + 7),
					     ouro_str(body + head, LARGE_BYTES), steps[i]);

		fprintf(stderr, "%d MiB in pieces of %zu: %.0f MB/s, comparing included\n",
			LARGE_MIB, steps[i], (double)LARGE_BYTES / seconds / 1e6);
	}
	free(body);
}
