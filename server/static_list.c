/* What is in a directory, as a page or as JSON. */
#include "base/str.h"
#include "file/list.h"
#include "proto/html.h"
#include "proto/json_escape.h"
#include "proto/put.h"
#include "server/server_private.h"
#include "server/static.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	/* Of what was read: 4096 names of 24 bytes fit, or so. */
	LIST_BYTES = OURO_LIST_ENTRIES_MAX * (sizeof(struct ouro_list_entry) + 24),
	PAGE_BYTES_MAX = 1024, /* of a page without its entries and its title */
	ROW_BYTES_MAX = 192,   /* of an entry without its name */
};

struct reading {
	const struct ouro_files *files;
	struct ouro_str path;
	void *memory;
	struct ouro_list list;
	int error;
};

/* On a thread of the pool. */
static void read_list(void *args)
{
	struct reading *reading = args;

	reading->error = ouro_list_read(&reading->files->root, reading->path, reading->memory,
					LIST_BYTES, &reading->list);
}

static void put_time(struct ouro_put *put, int64_t modified_ns)
{
	time_t seconds = (time_t)(modified_ns / 1000000000);
	char text[64];
	struct tm tm;
	size_t len = 0;

	if (gmtime_r(&seconds, &tm))
		len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	ouro_put_str(put, ouro_str(text, len));
}

static void put_html(struct ouro_put *put, struct ouro_str text)
{
	ssize_t len;

	if (put->full)
		return;
	len = ouro_html_escape(text, put->out + put->len, put->room - put->len);
	if (len < 0)
		put->full = true;
	else
		put->len += (size_t)len;
}

static void put_segment(struct ouro_put *put, struct ouro_str name)
{
	ssize_t len;

	if (put->full)
		return;
	len = ouro_path_encode(name, put->out + put->len, put->room - put->len);
	if (len < 0)
		put->full = true;
	else
		put->len += (size_t)len;
}

/* ---- HTML ---- */

static void put_row(struct ouro_put *put, const struct ouro_list_entry *entry)
{
	struct ouro_str slash = entry->kind == OURO_FILE_DIRECTORY ? OURO_STR("/") : OURO_STR("");

	ouro_put_str(put, OURO_STR("<tr><td><a href=\""));
	put_segment(put, entry->name);
	ouro_put_str(put, slash);
	ouro_put_str(put, OURO_STR("\">"));
	put_html(put, entry->name);
	ouro_put_str(put, slash);
	ouro_put_str(put, OURO_STR("</a></td><td>"));
	if (entry->kind == OURO_FILE_REGULAR)
		ouro_put_dec(put, entry->size);
	ouro_put_str(put, OURO_STR("</td><td>"));
	put_time(put, entry->modified_ns);
	ouro_put_str(put, OURO_STR("</td></tr>\n"));
}

static void put_page(struct ouro_put *put, const struct ouro_list *list, struct ouro_str path)
{
	ouro_put_str(put, OURO_STR("<!doctype html>\n<html lang=\"en\">\n<head>\n"
				   "<meta charset=\"utf-8\">\n<title>/"));
	put_html(put, path);
	ouro_put_str(put, OURO_STR("</title>\n<style>body{font-family:sans-serif;margin:2em}"
				   "td{padding:.1em 1em .1em 0}"
				   "td:nth-child(2){text-align:right}</style>\n"
				   "</head>\n<body>\n<h1>/"));
	put_html(put, path);
	ouro_put_str(put, OURO_STR("</h1>\n<table>\n"));
	if (path.len > 0)
		ouro_put_str(put, OURO_STR("<tr><td><a href=\"../\">../</a></td>"
					   "<td></td><td></td></tr>\n"));
	for (uint32_t i = 0; i < list->count; i++)
		put_row(put, &list->entries[i]);
	ouro_put_str(put, OURO_STR("</table>\n"));
	if (list->more)
		ouro_put_str(put, OURO_STR("<p>There is more, which is not listed.</p>\n"));
	ouro_put_str(put, OURO_STR("</body>\n</html>\n"));
}

/* ---- JSON ---- */

static void put_object(struct ouro_put *put, const struct ouro_list_entry *entry)
{
	bool is_directory = entry->kind == OURO_FILE_DIRECTORY;

	ouro_put_str(put, OURO_STR("{\"name\":"));
	ouro_put_json(put, entry->name);
	ouro_put_str(put, OURO_STR(",\"type\":"));
	ouro_put_str(put, is_directory ? OURO_STR("\"directory\"") : OURO_STR("\"file\""));
	if (!is_directory) {
		ouro_put_str(put, OURO_STR(",\"size\":"));
		ouro_put_dec(put, entry->size);
	}
	ouro_put_str(put, OURO_STR(",\"modified\":\""));
	put_time(put, entry->modified_ns);
	ouro_put_str(put, OURO_STR("\"}"));
}

static void put_json(struct ouro_put *put, const struct ouro_list *list)
{
	ouro_put_str(put, OURO_STR("{\"entries\":["));
	for (uint32_t i = 0; i < list->count; i++) {
		if (i > 0)
			ouro_put_str(put, OURO_STR(","));
		put_object(put, &list->entries[i]);
	}
	ouro_put_str(put, OURO_STR("],\"more\":"));
	ouro_put_str(put, list->more ? OURO_STR("true}\n") : OURO_STR("false}\n"));
}

/* ---- The answer ---- */

/* Room for either form. */
static size_t bytes_max(const struct ouro_list *list, struct ouro_str path)
{
	size_t bytes = PAGE_BYTES_MAX + 2 * OURO_HTML_ESCAPED_BYTES_MAX(path.len);

	for (uint32_t i = 0; i < list->count; i++) {
		size_t len = list->entries[i].name.len;

		bytes += ROW_BYTES_MAX + OURO_HTML_ESCAPED_BYTES_MAX(len) +
			 OURO_PATH_ENCODED_BYTES_MAX(len);
	}
	return bytes;
}

static int respond(struct ouro_ctx *ctx, const struct ouro_list *list, struct ouro_str path)
{
	static const char *const offers[] = { "text/html", "application/json" };
	bool as_json = ouro_negotiate(ctx, offers, 2) == 1;
	struct ouro_buf *buf = ouro_buf_create((uint32_t)bytes_max(list, path));
	struct ouro_piece_ref piece;
	struct ouro_put put;
	int err;

	if (!buf)
		return -ENOMEM;
	ouro_put_init(&put, buf->data, buf->size);
	if (as_json)
		put_json(&put, list);
	else
		put_page(&put, list, path);
	assert(!put.full);
	err = ouro_set_header(ctx, "x-content-type-options", OURO_STR("nosniff"));
	/* Names may be chosen by others: nothing of the page may run. */
	if (!err)
		err = ouro_set_header(ctx, "content-security-policy",
				      OURO_STR("default-src 'none'; style-src 'unsafe-inline'"));
	if (err) {
		ouro_buf_unref(buf);
		return err;
	}
	piece = (struct ouro_piece_ref){ .memory = { buf->data, put.len, buf } };
	return ouro_respond_pieces(ctx, 200,
				   as_json ? OURO_STR("application/json")
					   : OURO_STR("text/html; charset=utf-8"),
				   &piece, 1);
}

int ouro_static_list(struct ouro_ctx *ctx, const struct ouro_files *files, struct ouro_str path)
{
	struct reading reading = {
		.files = files,
		.path = path,
		.memory = ouro_arena_alloc(&ctx->arena, LIST_BYTES),
	};
	int err = reading.memory ? ouro_offload(ctx, read_list, &reading, sizeof(reading))
				 : -ENOMEM;

	if (!err)
		err = reading.error;
	return err ? err : respond(ctx, &reading.list, path);
}
