/* See cases.h. */
#include "cases.h"

#include <stdint.h>
#include <stdio.h>

enum { RSV_SHIFT = 4 };

#define F(first_byte, text)                                                                        \
	{                                                                                          \
		(first_byte), (text), sizeof(text) - 1, 0                                          \
	}
#define LONG(first_byte, bytes, text)                                                              \
	{                                                                                          \
		(first_byte), (text), (bytes), sizeof(text) - 1                                    \
	}
#define CLOSE_OF(code)                                                                             \
	{                                                                                          \
		FIN | CLOSE, (const char[]){ (char)((code) >> 8), (char)((code)&0xff) }, 2, 0      \
	}
#define REFUSED(code_sent) .code = (code_sent), .unclean = true

static void run_cases(const struct kase *cases, size_t count, case_fn fn)
{
	for (size_t i = 0; i < count; i++)
		fn(&cases[i]);
}

#define RUN(fn, cases) run_cases(cases, sizeof(cases) / sizeof((cases)[0]), fn)

#define ECHO(number, frame)                                                                        \
	{                                                                                          \
		.name = number, .in = { frame }, .out = { frame }                                  \
	}

static void framing(case_fn fn)
{
	static const struct kase cases[] = {
		ECHO("1.1.1", F(FIN | TEXT, "")),
		ECHO("1.1.2", LONG(FIN | TEXT, 125, "*")),
		ECHO("1.1.3", LONG(FIN | TEXT, 126, "*")),
		ECHO("1.1.4", LONG(FIN | TEXT, 127, "*")),
		ECHO("1.1.5", LONG(FIN | TEXT, 128, "*")),
		ECHO("1.1.6", LONG(FIN | TEXT, 65535, "*")),
		ECHO("1.1.7", LONG(FIN | TEXT, 65536, "*")),
		ECHO("1.1.8", LONG(FIN | TEXT, 65536, "*")),
		ECHO("1.2.1", F(FIN | BINARY, "")),
		ECHO("1.2.2", LONG(FIN | BINARY, 125, "\xfe")),
		ECHO("1.2.3", LONG(FIN | BINARY, 126, "\xfe")),
		ECHO("1.2.4", LONG(FIN | BINARY, 127, "\xfe")),
		ECHO("1.2.5", LONG(FIN | BINARY, 128, "\xfe")),
		ECHO("1.2.6", LONG(FIN | BINARY, 65535, "\xfe")),
		ECHO("1.2.7", LONG(FIN | BINARY, 65536, "\xfe")),
		ECHO("1.2.8", LONG(FIN | BINARY, 65536, "\xfe")),
	};

	RUN(fn, cases);
}

#define PINGED(number, payload)                                                                    \
	{                                                                                          \
		.name = number, .in = { F(FIN | PING, payload) },                                  \
		.out = { F(FIN | PONG, payload) }                                                  \
	}
#define TEN(first, payload)                                                                        \
	F(first, payload "0"), F(first, payload "1"), F(first, payload "2"),                       \
		F(first, payload "3"), F(first, payload "4"), F(first, payload "5"),               \
		F(first, payload "6"), F(first, payload "7"), F(first, payload "8"),               \
		F(first, payload "9")

static void pings(case_fn fn)
{
	static const struct kase cases[] = {
		PINGED("2.1", ""),
		PINGED("2.2", "Hello, world!"),
		PINGED("2.3", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
		{ .name = "2.4",
		  .in = { LONG(FIN | PING, 125, "\xfe") },
		  .out = { LONG(FIN | PONG, 125, "\xfe") } },
		{ .name = "2.5", .in = { LONG(FIN | PING, 126, "\xfe") }, REFUSED(1002) },
		{ .name = "2.6",
		  .in = { LONG(FIN | PING, 125, "\xfe") },
		  .out = { LONG(FIN | PONG, 125, "\xfe") } },
		{ .name = "2.7", .in = { F(FIN | PONG, "") } },
		{ .name = "2.8", .in = { F(FIN | PONG, "unsolicited pong payload") } },
		{ .name = "2.9",
		  .in = { F(FIN | PONG, "unsolicited pong payload"),
			  F(FIN | PING, "ping payload") },
		  .out = { F(FIN | PONG, "ping payload") } },
		{ .name = "2.10",
		  .in = { TEN(FIN | PING, "payload-") },
		  .out = { TEN(FIN | PONG, "payload-") } },
		{ .name = "2.11",
		  .in = { TEN(FIN | PING, "payload-") },
		  .out = { TEN(FIN | PONG, "payload-") } },
	};

	RUN(fn, cases);
}

#define HELLO "Hello, world!"

static void reserved_bits(case_fn fn)
{
	static const struct kase cases[] = {
		{ .name = "3.1", .in = { F(FIN | 1 << RSV_SHIFT | TEXT, HELLO) }, REFUSED(1002) },
		{ .name = "3.2",
		  .in = { F(FIN | TEXT, HELLO), F(FIN | 2 << RSV_SHIFT | TEXT, HELLO),
			  F(FIN | PING, "") },
		  .out = { F(FIN | TEXT, HELLO) },
		  REFUSED(1002) },
		{ .name = "3.3",
		  .in = { F(FIN | TEXT, HELLO), F(FIN | 3 << RSV_SHIFT | TEXT, HELLO),
			  F(FIN | PING, "") },
		  .out = { F(FIN | TEXT, HELLO) },
		  REFUSED(1002) },
		{ .name = "3.4",
		  .in = { F(FIN | TEXT, HELLO), F(FIN | 4 << RSV_SHIFT | TEXT, HELLO),
			  F(FIN | PING, "") },
		  .out = { F(FIN | TEXT, HELLO) },
		  REFUSED(1002) },
		{ .name = "3.5",
		  .in = { F(FIN | 5 << RSV_SHIFT | BINARY, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff") },
		  REFUSED(1002) },
		{ .name = "3.6", .in = { F(FIN | 6 << RSV_SHIFT | PING, HELLO) }, REFUSED(1002) },
		{ .name = "3.7", .in = { F(FIN | 7 << RSV_SHIFT | CLOSE, "") }, REFUSED(1002) },
	};

	RUN(fn, cases);
}

#define RESERVED_ALONE(number, opcode, payload)                                                    \
	{                                                                                          \
		.name = number, .in = { F(FIN | (opcode), payload) }, REFUSED(1002)                \
	}
#define RESERVED_BEHIND(number, opcode, payload)                                                   \
	{                                                                                          \
		.name = number,                                                                    \
		.in = { F(FIN | TEXT, HELLO), F(FIN | (opcode), payload), F(FIN | PING, "") },     \
		.out = { F(FIN | TEXT, HELLO) }, REFUSED(1002)                                     \
	}

static void reserved_opcodes(case_fn fn)
{
	static const struct kase cases[] = {
		RESERVED_ALONE("4.1.1", 3, ""),
		RESERVED_ALONE("4.1.2", 4, "reserved opcode payload"),
		RESERVED_BEHIND("4.1.3", 5, ""),
		RESERVED_BEHIND("4.1.4", 6, HELLO),
		RESERVED_BEHIND("4.1.5", 7, HELLO),
		RESERVED_ALONE("4.2.1", 11, ""),
		RESERVED_ALONE("4.2.2", 12, "reserved opcode payload"),
		RESERVED_BEHIND("4.2.3", 13, ""),
		RESERVED_BEHIND("4.2.4", 14, HELLO),
		RESERVED_BEHIND("4.2.5", 15, HELLO),
	};

	RUN(fn, cases);
}

#define FRAGMENTED(number)                                                                         \
	{                                                                                          \
		.name = number, .in = { F(TEXT, "fragment1"), F(FIN, "fragment2") },               \
		.out = { F(FIN | TEXT, "fragment1fragment2") }                                     \
	}
#define FRAGMENTED_WITH_PING(number)                                                               \
	{                                                                                          \
		.name = number,                                                                    \
		.in = { F(TEXT, "fragment1"), F(FIN | PING, "ping payload"),                       \
			F(FIN, "fragment2") },                                                     \
		.out = { F(FIN | PONG, "ping payload"),                                            \
			 F(FIN | TEXT, "fragment1fragment2") }                                     \
	}
#define NOTHING_TO_CONTINUE(number, bits)                                                          \
	{                                                                                          \
		.name = number,                                                                    \
		.in = { F(bits, "non-continuation payload"), F(FIN | TEXT, HELLO) }, REFUSED(1002) \
	}
#define CONTINUE_FIRST(number, bits)                                                               \
	{                                                                                          \
		.name = number,                                                                    \
		.in = { F(bits, "fragment1"), F(TEXT, "fragment2"), F(FIN, "fragment3"),           \
			F(bits, "fragment1"), F(TEXT, "fragment2"), F(FIN, "fragment3") },         \
		REFUSED(1002)                                                                      \
	}
#define FIVE_FRAGMENTS(number)                                                                     \
	{                                                                                          \
		.name = number,                                                                    \
		.in = { F(TEXT, "fragment1"), F(0, "fragment2"), F(FIN | PING, "pongme 1!"),       \
			F(0, "fragment3"),    F(0, "fragment4"), F(FIN | PING, "pongme 2!"),       \
			F(FIN, "fragment5") },                                                     \
		.out = { F(FIN | PONG, "pongme 1!"),                                               \
			 F(FIN | PONG, "pongme 2!"),                                               \
			 F(FIN | TEXT, "fragment1fragment2fragment3fragment4fragment5") }          \
	}

static void fragments(case_fn fn)
{
	static const struct kase cases[] = {
		{ .name = "5.1",
		  .in = { F(PING, "fragment1"), F(FIN, "fragment2") },
		  REFUSED(1002) },
		{ .name = "5.2",
		  .in = { F(PONG, "fragment1"), F(FIN, "fragment2") },
		  REFUSED(1002) },
		FRAGMENTED("5.3"),
		FRAGMENTED("5.4"),
		FRAGMENTED("5.5"),
		FRAGMENTED_WITH_PING("5.6"),
		FRAGMENTED_WITH_PING("5.7"),
		FRAGMENTED_WITH_PING("5.8"),
		NOTHING_TO_CONTINUE("5.9", FIN),
		NOTHING_TO_CONTINUE("5.10", FIN),
		NOTHING_TO_CONTINUE("5.11", FIN),
		NOTHING_TO_CONTINUE("5.12", 0),
		NOTHING_TO_CONTINUE("5.13", 0),
		NOTHING_TO_CONTINUE("5.14", 0),
		{ .name = "5.15",
		  .in = { F(TEXT, "fragment1"), F(FIN, "fragment2"), F(0, "fragment3"),
			  F(FIN | TEXT, "fragment4") },
		  .out = { F(FIN | TEXT, "fragment1fragment2") },
		  REFUSED(1002) },
		CONTINUE_FIRST("5.16", 0),
		CONTINUE_FIRST("5.17", FIN),
		{ .name = "5.18",
		  .in = { F(TEXT, "fragment1"), F(FIN | TEXT, "fragment2") },
		  REFUSED(1002) },
		FIVE_FRAGMENTS("5.19"),
		FIVE_FRAGMENTS("5.20"),
	};

	RUN(fn, cases);
}

#define KOSME "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
#define WORDS "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!"
#define BAD_TEXT                                                                                   \
	KOSME "\xed\xa0\x80"                                                                       \
	      "edited"

static void fragmented_text(case_fn fn)
{
	static const struct kase cases[] = {
		ECHO("6.1.1", F(FIN | TEXT, "")),
		{ .name = "6.1.2",
		  .in = { F(TEXT, ""), F(0, ""), F(FIN, "") },
		  .out = { F(FIN | TEXT, "") } },
		{ .name = "6.1.3",
		  .in = { F(TEXT, ""), F(0, "middle frame payload"), F(FIN, "") },
		  .out = { F(FIN | TEXT, "middle frame payload") } },
		ECHO("6.2.1", F(FIN | TEXT, WORDS)),
		{ .name = "6.2.2",
		  .in = { F(TEXT, "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4"),
			  F(FIN, "\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!") },
		  .out = { F(FIN | TEXT, WORDS) } },
		{ .name = "6.2.3",
		  .in = { F(FIN | TEXT, WORDS) },
		  .out = { F(FIN | TEXT, WORDS) },
		  .fragment = 1 },
		{ .name = "6.2.4",
		  .in = { F(FIN | TEXT, KOSME) },
		  .out = { F(FIN | TEXT, KOSME) },
		  .fragment = 1 },
		{ .name = "6.3.1", .in = { F(FIN | TEXT, BAD_TEXT) }, REFUSED(1007) },
		{ .name = "6.3.2",
		  .in = { F(FIN | TEXT, BAD_TEXT) },
		  .fragment = 1,
		  REFUSED(1007) },
	};

	RUN(fn, cases);
}

struct text_case {
	const char *text; /* NULL: a prefix of KOSME, as long as the case's number says */
	size_t len;
	bool valid;
};

#define GOOD(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1, true                                                       \
	}
#define BAD(text)                                                                                  \
	{                                                                                          \
		text, sizeof(text) - 1, false                                                      \
	}

/* Each row is a group: 6.5, 6.6 and so on. */
enum { TEXTS_MAX = 36 };

static const struct text_case texts[][TEXTS_MAX] = {
	/* 6.5: some that are valid */
	{ GOOD("hello$world"), GOOD("hello\xc2\xa2world"), GOOD("hello\xe2\x82\xacworld"),
	  GOOD("hello\xf0\xa4\xad\xa2world"), GOOD(KOSME) },
	/* 6.6: prefixes of a valid one */
	{ BAD("\xce"), GOOD("\xce\xba"), BAD("\xce\xba\xe1"), BAD("\xce\xba\xe1\xbd"),
	  GOOD("\xce\xba\xe1\xbd\xb9"), BAD("\xce\xba\xe1\xbd\xb9\xcf"),
	  GOOD("\xce\xba\xe1\xbd\xb9\xcf\x83"), BAD("\xce\xba\xe1\xbd\xb9\xcf\x83\xce"),
	  GOOD("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc"),
	  BAD("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce"), GOOD(KOSME) },
	/* 6.7: the first of each length */
	{ GOOD("\x00"), GOOD("\xc2\x80"), GOOD("\xe0\xa0\x80"), GOOD("\xf0\x90\x80\x80") },
	/* 6.8: of five and six */
	{ BAD("\xf8\x88\x80\x80\x80"), BAD("\xfc\x84\x80\x80\x80\x80") },
	/* 6.9: the last of each length */
	{ GOOD("\x7f"), GOOD("\xdf\xbf"), GOOD("\xef\xbf\xbf"), GOOD("\xf4\x8f\xbf\xbf") },
	/* 6.10: of four to six */
	{ BAD("\xf7\xbf\xbf\xbf"), BAD("\xfb\xbf\xbf\xbf\xbf"), BAD("\xfd\xbf\xbf\xbf\xbf\xbf") },
	/* 6.11: other edges */
	{ GOOD("\xed\x9f\xbf"), GOOD("\xee\x80\x80"), GOOD("\xef\xbf\xbd"),
	  GOOD("\xf4\x8f\xbf\xbf"), BAD("\xf4\x90\x80\x80") },
	/* 6.12: continuations of nothing */
	{ BAD("\x80"), BAD("\xbf"), BAD("\x80\xbf"), BAD("\x80\xbf\x80"), BAD("\x80\xbf\x80\xbf"),
	  BAD("\x80\xbf\x80\xbf\x80"), BAD("\x80\xbf\x80\xbf\x80\xbf"),
	  BAD("\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f"
	      "\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f"
	      "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf"
	      "\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe") },
	/* 6.13: beginnings without an end */
	{ BAD("\xc0 \xc1 \xc2 \xc3 \xc4 \xc5 \xc6 \xc7 \xc8 \xc9 \xca \xcb \xcc \xcd \xce \xcf "
	      "\xd0 \xd1 \xd2 \xd3 \xd4 \xd5 \xd6 \xd7 \xd8 \xd9 \xda \xdb \xdc \xdd \xde "),
	  BAD("\xe0 \xe1 \xe2 \xe3 \xe4 \xe5 \xe6 \xe7 \xe8 \xe9 \xea \xeb \xec \xed \xee "),
	  BAD("\xf0 \xf1 \xf2 \xf3 \xf4 \xf5 \xf6 "), BAD("\xf8 \xf9 \xfa "), BAD("\xfc ") },
	/* 6.14: the last continuation is missing */
	{ BAD("\xc0"), BAD("\xe0\x80"), BAD("\xf0\x80\x80"), BAD("\xf8\x80\x80\x80"),
	  BAD("\xfc\x80\x80\x80\x80"), BAD("\xdf"), BAD("\xef\xbf"), BAD("\xf7\xbf\xbf"),
	  BAD("\xfb\xbf\xbf\xbf"), BAD("\xfd\xbf\xbf\xbf\xbf") },
	/* 6.15: all those in a row */
	{ BAD("\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80"
	      "\xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf") },
	/* 6.16: impossible bytes */
	{ BAD("\xfe"), BAD("\xff"), BAD("\xfe\xfe\xff\xff") },
	/* 6.17: a slash, too long */
	{ BAD("\xc0\xaf"), BAD("\xe0\x80\xaf"), BAD("\xf0\x80\x80\xaf"),
	  BAD("\xf8\x80\x80\x80\xaf"), BAD("\xfc\x80\x80\x80\x80\xaf") },
	/* 6.18: the highest that are too long */
	{ BAD("\xc1\xbf"), BAD("\xe0\x9f\xbf"), BAD("\xf0\x8f\xbf\xbf"),
	  BAD("\xf8\x87\xbf\xbf\xbf"), BAD("\xfc\x83\xbf\xbf\xbf\xbf") },
	/* 6.19: NUL, too long */
	{ BAD("\xc0\x80"), BAD("\xe0\x80\x80"), BAD("\xf0\x80\x80\x80"),
	  BAD("\xf8\x80\x80\x80\x80"), BAD("\xfc\x80\x80\x80\x80\x80") },
	/* 6.20: surrogates */
	{ BAD("\xed\xa0\x80"), BAD("\xed\xad\xbf"), BAD("\xed\xae\x80"), BAD("\xed\xaf\xbf"),
	  BAD("\xed\xb0\x80"), BAD("\xed\xbe\x80"), BAD("\xed\xbf\xbf") },
	/* 6.21: surrogates in pairs */
	{ BAD("\xed\xa0\x80\xed\xb0\x80"), BAD("\xed\xa0\x80\xed\xbf\xbf"),
	  BAD("\xed\xad\xbf\xed\xb0\x80"), BAD("\xed\xad\xbf\xed\xbf\xbf"),
	  BAD("\xed\xae\x80\xed\xb0\x80"), BAD("\xed\xae\x80\xed\xbf\xbf"),
	  BAD("\xed\xaf\xbf\xed\xb0\x80"), BAD("\xed\xaf\xbf\xed\xbf\xbf") },
	/* 6.22: no characters, and valid */
	{ GOOD("\xef\xbf\xbe"),     GOOD("\xef\xbf\xbf"),     GOOD("\xf0\x9f\xbf\xbe"),
	  GOOD("\xf0\x9f\xbf\xbf"), GOOD("\xf0\xaf\xbf\xbe"), GOOD("\xf0\xaf\xbf\xbf"),
	  GOOD("\xf0\xbf\xbf\xbe"), GOOD("\xf0\xbf\xbf\xbf"), GOOD("\xf1\x8f\xbf\xbe"),
	  GOOD("\xf1\x8f\xbf\xbf"), GOOD("\xf1\x9f\xbf\xbe"), GOOD("\xf1\x9f\xbf\xbf"),
	  GOOD("\xf1\xaf\xbf\xbe"), GOOD("\xf1\xaf\xbf\xbf"), GOOD("\xf1\xbf\xbf\xbe"),
	  GOOD("\xf1\xbf\xbf\xbf"), GOOD("\xf2\x8f\xbf\xbe"), GOOD("\xf2\x8f\xbf\xbf"),
	  GOOD("\xf2\x9f\xbf\xbe"), GOOD("\xf2\x9f\xbf\xbf"), GOOD("\xf2\xaf\xbf\xbe"),
	  GOOD("\xf2\xaf\xbf\xbf"), GOOD("\xf2\xbf\xbf\xbe"), GOOD("\xf2\xbf\xbf\xbf"),
	  GOOD("\xf3\x8f\xbf\xbe"), GOOD("\xf3\x8f\xbf\xbf"), GOOD("\xf3\x9f\xbf\xbe"),
	  GOOD("\xf3\x9f\xbf\xbf"), GOOD("\xf3\xaf\xbf\xbe"), GOOD("\xf3\xaf\xbf\xbf"),
	  GOOD("\xf3\xbf\xbf\xbe"), GOOD("\xf3\xbf\xbf\xbf"), GOOD("\xf4\x8f\xbf\xbe"),
	  GOOD("\xf4\x8f\xbf\xbf") },
	/* 6.23: specials */
	{ GOOD("\xef\xbf\xb9"), GOOD("\xef\xbf\xba"), GOOD("\xef\xbf\xbb"), GOOD("\xef\xbf\xbc"),
	  GOOD("\xef\xbf\xbd"), GOOD("\xef\xbf\xbe"), GOOD("\xef\xbf\xbf") },
};

static void text(case_fn fn)
{
	char name[32];

	for (size_t row = 0; row < sizeof(texts) / sizeof(texts[0]); row++) {
		for (size_t i = 0; i < TEXTS_MAX && texts[row][i].text; i++) {
			const struct text_case *given = &texts[row][i];
			struct frame frame = { FIN | TEXT, given->text, given->len, 0 };
			struct kase kase = { .name = name, .in = { frame } };

			snprintf(name, sizeof(name), "6.%zu.%zu", row + 5, i + 1);
			if (given->valid) {
				kase.out[0] = frame;
			} else {
				kase.code = 1007;
				kase.unclean = true;
			}
			fn(&kase);
		}
	}
}

#define CLOSED_BY(number, code_bytes, code_number)                                                 \
	{                                                                                          \
		.name = number, .in = { F(FIN | CLOSE, code_bytes) },                              \
		.out = { F(FIN | CLOSE, code_bytes) }, .code = (code_number)                       \
	}

#define REASON_123                                                                                 \
	"*****************************************"                                                \
	"*****************************************"                                                \
	"*****************************************"

static void closing(case_fn fn)
{
	const struct kase cases[] = {
		{ .name = "7.1.1",
		  .in = { F(FIN | TEXT, HELLO) },
		  .out = { F(FIN | TEXT, HELLO) } },
		{ .name = "7.1.2",
		  .in = { CLOSE_OF(1000), F(FIN | CLOSE, "") },
		  .out = { CLOSE_OF(1000) },
		  .code = 1000 },
		{ .name = "7.1.3",
		  .in = { CLOSE_OF(1000), F(FIN | PING, "") },
		  .out = { CLOSE_OF(1000) },
		  .code = 1000 },
		{ .name = "7.1.4",
		  .in = { CLOSE_OF(1000), F(FIN | TEXT, HELLO) },
		  .out = { CLOSE_OF(1000) },
		  .code = 1000 },
		{ .name = "7.1.5",
		  .in = { F(TEXT, "fragment1"), CLOSE_OF(1000), F(FIN, "fragment2") },
		  .out = { CLOSE_OF(1000) },
		  .code = 1000 },
		{ .name = "7.1.6",
		  .in = { LONG(FIN | TEXT, 1 << 18, "BAsd7&jh23"), F(FIN | TEXT, HELLO),
			  CLOSE_OF(1000), F(FIN | PING, "") },
		  .out = { LONG(FIN | TEXT, 1 << 18, "BAsd7&jh23"), F(FIN | TEXT, HELLO),
			   CLOSE_OF(1000) },
		  .code = 1000 },
		CLOSED_BY("7.3.1", "", 1005),
		{ .name = "7.3.2", .in = { F(FIN | CLOSE, "a") }, REFUSED(1002) },
		CLOSED_BY("7.3.3", "\x03\xe8", 1000),
		CLOSED_BY("7.3.4", "\x03\xe8Hello World!", 1000),
		CLOSED_BY("7.3.5", "\x03\xe8" REASON_123, 1000),
		{ .name = "7.3.6",
		  .in = { F(FIN | CLOSE, "\x03\xe8" REASON_123 "*") },
		  REFUSED(1002) },
		{ .name = "7.5.1", .in = { F(FIN | CLOSE, "\x03\xe8" BAD_TEXT) }, REFUSED(1007) },
	};

	RUN(fn, cases);
}

/* A close with @code: it is echoed, or refused with 1002. */
static void close_code(case_fn fn, const char *name, unsigned code, bool legal)
{
	char bytes[2] = { (char)(code >> 8), (char)(code & 0xff) };
	struct frame frame = { FIN | CLOSE, bytes, 2, 0 };
	struct kase kase = { .name = name, .in = { frame } };

	if (legal) {
		kase.out[0] = frame;
		kase.code = code;
	} else {
		kase.code = 1002;
		kase.unclean = true;
	}
	fn(&kase);
}

static void close_codes(case_fn fn)
{
	static const unsigned legal[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1009,
					  1010, 1011, 3000, 3999, 4000, 4999 };
	static const unsigned illegal[] = { 0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999 };
	char name[32];

	for (unsigned i = 0; i < sizeof(legal) / sizeof(legal[0]); i++) {
		snprintf(name, sizeof(name), "7.7.%u", i + 1);
		close_code(fn, name, legal[i], true);
	}
	for (unsigned i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++) {
		snprintf(name, sizeof(name), "7.9.%u", i + 1);
		close_code(fn, name, illegal[i], false);
	}
	close_code(fn, "7.13.1", 5000, false);
	close_code(fn, "7.13.2", 65535, false);
}

static void long_message(case_fn fn)
{
	static const struct kase cases[] = {
		{ .name = "10.1.1",
		  .in = { LONG(FIN | TEXT, 65536, "*") },
		  .out = { LONG(FIN | TEXT, 65536, "*") },
		  .fragment = 1300 },
	};

	RUN(fn, cases);
}

void cases_each(enum case_group group, case_fn fn)
{
	static void (*const groups[CASE_GROUPS])(case_fn fn) = {
		[CASES_FRAMING] = framing,
		[CASES_PINGS] = pings,
		[CASES_RESERVED_BITS] = reserved_bits,
		[CASES_RESERVED_OPCODES] = reserved_opcodes,
		[CASES_FRAGMENTS] = fragments,
		[CASES_FRAGMENTED_TEXT] = fragmented_text,
		[CASES_TEXT] = text,
		[CASES_CLOSING] = closing,
		[CASES_CLOSE_CODES] = close_codes,
		[CASES_LONG_MESSAGE] = long_message,
	};

	groups[group](fn);
}
