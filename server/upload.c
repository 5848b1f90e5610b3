/* Parts of forms that go to memory or to files: see ouro/multipart.h. */
#include "base/str.h"
#include "server/multipart.h"
#include "server/server_private.h"
#include "server/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	STAGE_BYTES_FIRST = 4096,
	STAGE_BYTES = 65536, /* written to a file at once */
	COLLECTED_FIRST = 8,
};

/* ---- Files ---- */

static struct ouro_spill *add_spill(struct ouro_ctx *ctx, int fd)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	struct ouro_spill *spill = ouro_arena_alloc(&ctx->arena, sizeof(*spill));

	if (!spill)
		return NULL;
	*spill = (struct ouro_spill){ reader->spills, reader->limits.directory, fd };
	reader->spills = spill;
	return spill;
}

static int flush(struct ouro_ctx *ctx, struct ouro_spill *spill, bool rewind)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	int err;

	reader->saving = true;
	err = ouro_spill_write(ctx, spill, reader->stage, reader->stage_len, rewind);
	reader->saving = false;
	reader->stage_len = 0;
	return err;
}

/* Makes room in the stage, which has @room_max bytes at most: by more memory, or by writing to @spill. */
static int make_room(struct ouro_ctx *ctx, struct ouro_spill *spill, size_t room_max)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	size_t room = reader->stage_room ? 2 * reader->stage_room : STAGE_BYTES_FIRST;
	char *stage;

	if (reader->stage_room >= room_max)
		return flush(ctx, spill, false);
	room = room < room_max ? room : room_max;
	stage = realloc(reader->stage, room);
	if (!stage)
		return -ENOMEM;
	reader->stage = stage;
	reader->stage_room = room;
	return 0;
}

/* Adds @data to the stage. @spill may be NULL where all of it fits into @room_max bytes. */
static int add_to_stage(struct ouro_ctx *ctx, struct ouro_str data, struct ouro_spill *spill,
			size_t room_max)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	int err = 0;

	ouro_counter_add(&ctx->worker->loop.counters.bytes_copied, data.len);
	while (data.len > 0 && !err) {
		size_t len = reader->stage_room - reader->stage_len;

		len = len < data.len ? len : data.len;
		if (len > 0)
			memcpy(reader->stage + reader->stage_len, data.ptr, len);
		reader->stage_len += len;
		data = ouro_str(data.ptr + len, data.len - len);
		if (data.len > 0)
			err = make_room(ctx, spill, room_max);
	}
	return err;
}

/* Reads what is left of the part into the stage, and from there to a file: @spill, or, where that is NULL,
 * one that is made when it is more than memory_bytes_max. */
static int read_through(struct ouro_ctx *ctx, struct ouro_spill **spill)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	const size_t memory_max = reader->limits.memory_bytes_max;
	const size_t room_max = memory_max > STAGE_BYTES && !*spill ? memory_max : STAGE_BYTES;
	struct ouro_str data;
	ssize_t got;
	int err = 0;

	reader->stage_len = 0;
	while (!err && (got = ouro_multipart_data(ctx, &data)) != 0) {
		if (got < 0)
			return (int)got;
		if (!*spill && reader->part_bytes > memory_max) {
			*spill = add_spill(ctx, -1);
			if (!*spill)
				return -ENOMEM;
		}
		err = add_to_stage(ctx, data, *spill, room_max);
	}
	return err;
}

/* Saves to @spill, whose descriptor is a duplicate. */
static int save(struct ouro_ctx *ctx, struct ouro_spill *spill)
{
	int err = read_through(ctx, &spill);

	if (!err && ctx->multipart->stage_len > 0)
		err = flush(ctx, spill, false);
	return err;
}

/* A duplicate of @fd, or a negative errno. */
static int duplicate(int fd)
{
	struct stat stat;
	int own;

	if (fstat(fd, &stat))
		return -errno;
	/* Writing to anything else may keep a thread of the pool for ever, and the end of the server. */
	if (!S_ISREG(stat.st_mode) && !S_ISBLK(stat.st_mode))
		return -EINVAL;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return own < 0 ? -errno : own;
}

int ouro_part_save(struct ouro_ctx *ctx, int fd, uint64_t *bytes)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	struct ouro_spill *spill;
	uint64_t before;
	int err, own;

	if (!reader || !reader->had_part || reader->collecting)
		return -EINVAL;
	if (reader->err)
		return ouro_multipart_repeat(ctx, reader->err);
	/* A job that nobody waits for any more may write when the caller has closed his, and the number
	 * is another file's. */
	own = duplicate(fd);
	if (own < 0)
		return own;
	spill = add_spill(ctx, own);
	if (!spill) {
		close(own);
		return -ENOMEM;
	}
	before = reader->part_bytes;
	err = save(ctx, spill);
	if (err) {
		reader->err = err;
		return err;
	}
	/* The file stays open by the caller's, so there is nothing to wait for. */
	close(own);
	spill->fd = -1;
	if (bytes)
		*bytes = reader->part_bytes - before;
	return 0;
}

/* ---- All at once ---- */

/* Room for one more part, and that; NULL when out of memory. */
static struct ouro_part *add_part(struct ouro_ctx *ctx, const struct ouro_part *part)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	const size_t at = reader->part_count - 1;
	struct ouro_part *larger;
	size_t room;

	if (at == reader->parts_room) {
		room = at ? 2 * at : COLLECTED_FIRST;
		larger = ouro_arena_alloc(&ctx->arena, room * sizeof(*larger));
		if (!larger)
			return NULL;
		if (at > 0)
			memcpy(larger, reader->parts, at * sizeof(*larger));
		reader->parts = larger;
		reader->parts_room = room;
	}
	reader->parts[at] = *part;
	return &reader->parts[at];
}

/* Puts the data of @part where it stays. */
static int collect_data(struct ouro_ctx *ctx, struct ouro_part *part)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	struct ouro_spill *spill = NULL;
	int err = read_through(ctx, &spill);

	if (err)
		return err;
	part->bytes = reader->part_bytes;
	if (spill) {
		err = flush(ctx, spill, true);
		part->fd = err ? -1 : spill->fd;
		return err;
	}
	part->data = ouro_ctx_copy(ctx, ouro_str(reader->stage, reader->stage_len));
	return part->data.ptr ? 0 : -ENOMEM;
}

static int collect(struct ouro_ctx *ctx)
{
	struct ouro_part part, *own;
	int step, err = 0;

	while (!err && (step = ouro_multipart_part(ctx, &part)) > 0) {
		own = add_part(ctx, &part);
		err = own ? collect_data(ctx, own) : -ENOMEM;
	}
	return err ? err : step;
}

int ouro_multipart(struct ouro_ctx *ctx, const struct ouro_multipart_options *options,
		   const struct ouro_part **parts, size_t *count)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	int err;

	if (!reader) {
		err = ouro_multipart_open(ctx, options);
		if (err)
			return err;
		reader = ctx->multipart;
		reader->collecting = true;
		reader->err = collect(ctx);
		reader->collected = !reader->err;
		if (reader->collected) {
			free(reader->stage);
			reader->stage = NULL;
		}
	}
	if (!reader->collecting)
		return -EALREADY;
	if (!reader->collected)
		return ouro_multipart_repeat(ctx, reader->err);
	*parts = reader->parts;
	*count = reader->part_count;
	return 0;
}
