/* Files that stand beside others, compressed: which there are, and which of them suits the client. */
#include "base/str.h"
#include "proto/negotiate.h"
#include "server/server_private.h"
#include "server/static.h"

#include <errno.h>

enum {
	CODINGS = 3,
	ACCEPT_ENCODINGS_MAX = 8, /* fields that are looked at */
};

/* In the order in which the server prefers them. */
static const struct {
	struct ouro_str suffix, name;
} codings[CODINGS] = {
	{ { ".br", 3 }, { "br", 2 } },
	{ { ".zst", 4 }, { "zstd", 4 } },
	{ { ".gz", 3 }, { "gzip", 4 } },
};

struct ouro_str ouro_static_coding_name(unsigned coding)
{
	assert(coding > 0 && coding <= CODINGS);
	return codings[coding - 1].name;
}

/* The file beside @path in @coding. 0 with a reference; -ENOENT; an error of waiting. */
static int find_coded(struct ouro_ctx *ctx, const struct ouro_static_place *place,
		      struct ouro_str path, unsigned coding, struct ouro_file **file)
{
	struct ouro_str coded = ouro_static_join(ctx, path, codings[coding - 1].suffix);
	int err = coded.ptr ? ouro_static_find(ctx, place, place->coded_root, coded, file)
			    : -ENOMEM;

	if (!err && (*file)->stat.kind != OURO_FILE_REGULAR) {
		ouro_file_unref(*file);
		err = -ENOENT;
	}
	if (err == -ENOTDIR || err == -ELOOP || err == -EXDEV || err == -EACCES ||
	    err == -ENAMETOOLONG || err == -EINVAL)
		return -ENOENT;
	return err;
}

/* Finds out in which codings the file is there. It is remembered in its note: absences by themselves are
 * not remembered long enough where there are many files. */
static int learn_codings(struct ouro_ctx *ctx, const struct ouro_static_place *place,
			 const struct ouro_static_answer *answer, struct ouro_static_note *note)
{
	uint64_t now_ms = ctx->worker->loop.now_ns / 1000000;
	uint8_t found = 0;

	if (note->codings_known && now_ms - note->codings_ms < place->revalidate_ms)
		return 0;
	for (unsigned coding = 1; coding <= CODINGS; coding++) {
		struct ouro_file *file;
		int err = find_coded(ctx, place, answer->name, coding, &file);

		if (err && err != -ENOENT)
			return err;
		if (!err) {
			found |= (uint8_t)(1 << coding);
			ouro_file_unref(file);
		}
	}
	note->codings = found;
	note->codings_known = true;
	note->codings_ms = now_ms;
	return 0;
}

struct values {
	struct ouro_str values[ACCEPT_ENCODINGS_MAX];
	size_t count;
};

static bool add_value(void *arg, struct ouro_str name, struct ouro_str value)
{
	struct values *values = arg;

	(void)name;
	values->values[values->count++] = value;
	return values->count < ACCEPT_ENCODINGS_MAX;
}

/* The coding of those in @available that the client prefers; 0: none. */
static unsigned negotiate(struct ouro_ctx *ctx, uint8_t available)
{
	struct ouro_str offers[CODINGS + 1];
	unsigned coding_of[CODINGS + 1];
	struct values accepted = { .count = 0 };
	size_t count = 0;
	int index;

	ouro_header_each(ctx, "accept-encoding", add_value, &accepted);
	for (unsigned coding = 1; coding <= CODINGS; coding++)
		if (available >> coding & 1) {
			coding_of[count] = coding;
			offers[count++] = codings[coding - 1].name;
		}
	coding_of[count] = 0;
	offers[count++] = OURO_STR("identity");
	index = ouro_negotiate_encoding(accepted.values, accepted.count, offers, count);
	/* Who takes nothing of what there is gets the file as it is. */
	return index < 0 ? 0 : coding_of[index];
}

int ouro_static_choose_coding(struct ouro_ctx *ctx, const struct ouro_static_place *place,
			      struct ouro_static_answer *answer)
{
	struct ouro_static_note *note = ouro_static_note_of(ctx, answer);
	struct ouro_file *file;
	unsigned coding;
	int err = learn_codings(ctx, place, answer, note);

	if (err)
		return err;
	answer->varies = note->codings != 0;
	if (!note->codings || !ouro_header_at(ctx, OURO_FIELD_ACCEPT_ENCODING).ptr)
		return 0;
	coding = negotiate(ctx, note->codings);
	if (coding == 0)
		return 0;
	err = find_coded(ctx, place, answer->name, coding, &file);
	if (err)
		return err == -ENOENT ? 0 : err; /* it went just now */
	ouro_file_unref(answer->file);
	answer->file = file;
	answer->coding = coding;
	return 0;
}
