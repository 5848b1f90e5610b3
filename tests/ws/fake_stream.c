/* A stream that a test holds both ends of: see fake_stream.h. */
#include "fake_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fake_stream *fake_of(const struct ouro_stream *stream)
{
	return (struct fake_stream *)(uintptr_t)stream;
}

static void append(struct fake_stream *fake, const char *data, size_t len)
{
	if (len > fake->out_room - fake->out_len) {
		fake->out_room = 2 * (fake->out_room + len);
		fake->out = realloc(fake->out, fake->out_room);
		if (!fake->out)
			abort();
	}
	if (len > 0)
		memcpy(fake->out + fake->out_len, data, len);
	fake->out_len += len;
	fake->pending += len;
	if (fake->pending > OURO_STREAM_PENDING_HIGH)
		fake->was_high = true;
	if (!fake->holds)
		fake->pending = 0;
}

static char *fake_reserve(struct ouro_stream *stream, size_t bytes)
{
	struct fake_stream *fake = fake_of(stream);

	if (fake->refuses || fake->closing)
		return NULL;
	if (bytes > OURO_STREAM_RESERVE_MAX)
		abort();
	fake->reserved = bytes;
	/* At the end, so that a byte too many is seen. */
	return fake->reservation + OURO_STREAM_RESERVE_MAX - bytes;
}

static void fake_commit(struct ouro_stream *stream, size_t bytes)
{
	struct fake_stream *fake = fake_of(stream);

	if (bytes > fake->reserved)
		abort();
	append(fake, fake->reservation + OURO_STREAM_RESERVE_MAX - fake->reserved, bytes);
	fake->reserved = 0;
}

static int fake_write(struct ouro_stream *stream, struct ouro_slice slice)
{
	struct fake_stream *fake = fake_of(stream);

	if (fake->closing)
		return -EPIPE;
	if (fake->refuses)
		return -ENOMEM;
	append(fake, slice.ptr, slice.len);
	fake->writes++;
	return 0;
}

static int fake_write_file(struct ouro_stream *stream, struct ouro_buf *file, uint64_t offset,
			   uint64_t len)
{
	(void)stream;
	(void)file;
	(void)offset;
	(void)len;
	abort();
}

static size_t fake_pending(const struct ouro_stream *stream)
{
	return fake_of(stream)->pending;
}

static void fake_set_reading(struct ouro_stream *stream, bool on)
{
	fake_of(stream)->reading = on;
}

static void fake_begin_close(struct ouro_stream *stream, enum ouro_close how)
{
	struct fake_stream *fake = fake_of(stream);

	if (fake->closing)
		return;
	fake->closing = true;
	fake->how = how;
}

static void fake_check_at(struct ouro_stream *stream, uint32_t ms)
{
	struct fake_stream *fake = fake_of(stream);

	if (fake->check_ms == 0 || (int32_t)(ms - fake->check_ms) < 0)
		fake->check_ms = ms;
}

static const struct ouro_stream_ops fake_ops = {
	.reserve = fake_reserve,
	.commit = fake_commit,
	.write = fake_write,
	.write_file = fake_write_file,
	.pending = fake_pending,
	.set_reading = fake_set_reading,
	.close = fake_begin_close,
	.check_at = fake_check_at,
};

static uint32_t fake_now(void *arg)
{
	return ((struct fake_stream *)arg)->now_ms;
}

static bool fake_is_scarce(void *arg, struct ouro_buf *buf)
{
	(void)buf;
	return ((struct fake_stream *)arg)->is_scarce;
}

void fake_init(struct fake_stream *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->stream.ops = &fake_ops;
	fake->reading = true;
	/* Near where the clock, cut to 32 bits, begins anew. */
	fake->now_ms = UINT32_MAX - 10000;
	fake->host = (struct ouro_ws_host){
		.now_ms = fake_now,
		.is_scarce = fake_is_scarce,
		.arg = fake,
		.counters = &fake->counters,
	};
}

void fake_fini(struct fake_stream *fake)
{
	free(fake->out);
}

void fake_input(struct fake_stream *fake, const char *data, size_t len)
{
	struct ouro_buf *buf = ouro_buf_create((uint32_t)len);

	if (!buf)
		abort();
	if (len > 0)
		memcpy(buf->data, data, len);
	fake->stream.events->on_input(&fake->stream, (struct ouro_slice){ buf->data, len, buf });
	ouro_buf_unref(buf);
}

void fake_end(struct fake_stream *fake)
{
	fake->stream.events->on_end(&fake->stream);
}

void fake_pass(struct fake_stream *fake, uint32_t ms)
{
	uint32_t until = fake->now_ms + ms;

	while (fake->check_ms != 0 && (int32_t)(until - fake->check_ms) >= 0 && !fake->closing) {
		fake->now_ms = fake->check_ms;
		fake->check_ms = 0;
		fake->stream.events->on_check(&fake->stream);
	}
	fake->now_ms = until;
}

void fake_drain(struct fake_stream *fake)
{
	fake->pending = 0;
	if (!fake->was_high || fake->closing)
		return;
	fake->was_high = false;
	fake->stream.events->on_drain(&fake->stream);
}

void fake_close(struct fake_stream *fake, int error)
{
	if (fake->closed || (!fake->closing && !error))
		return;
	fake->closing = true;
	fake->closed = true;
	fake->stream.events->on_close(&fake->stream, error);
}
