/* The same bytes give the same answers however they are cut: the corpus of the fuzz target, whole and
 * then cut at every byte, on a calm kernel; and in any pieces on wild ones. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILES_MAX = 2000,
	CUTS_MAX = 300, /* of longer files not every place is tried */
	FILE_BYTES_MAX = 128 * 1024,
	WILD_SEEDS = 12,
};

struct file {
	char name[256];
	char *ptr;
	size_t len;
};

static struct file files[FILES_MAX];
static size_t file_count;

static void read_file(const char *name)
{
	struct file *file = &files[file_count];
	char path[1024];
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", CORPUS, name);
	in = fopen(path, "rb");
	cr_assert_not_null(in, "%s", path);
	snprintf(file->name, sizeof(file->name), "%s", name);
	file->ptr = malloc(FILE_BYTES_MAX);
	file->len = fread(file->ptr, 1, FILE_BYTES_MAX, in);
	fclose(in);
	file_count++;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static void read_corpus(void)
{
	DIR *dir = opendir(CORPUS);
	struct dirent *entry;

	cr_assert_not_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && file_count < FILES_MAX)
			read_file(entry->d_name);
	closedir(dir);
	qsort(files, file_count, sizeof(files[0]), by_name);
	cr_assert_gt(file_count, 50);
}

static void free_corpus(void)
{
	while (file_count > 0)
		free(files[--file_count].ptr);
}

/* ---- One connection ---- */

struct outcome {
	char *ptr;
	size_t len;
	bool ended, reset;
};

static struct outcome take_outcome(struct site *site, struct sim_peer *peer)
{
	struct outcome outcome = { 0 };
	struct ouro_str got;

	sim_advance(site->loop, 2 * SITE_LATER_MS);
	got = sim_peer_received(peer);
	outcome.ptr = malloc(got.len + 1);
	memcpy(outcome.ptr, got.ptr, got.len);
	outcome.len = got.len;
	outcome.ended = sim_peer_saw_end(peer) || sim_peer_saw_reset(peer);
	outcome.reset = sim_peer_saw_reset(peer);
	return outcome;
}

/* What comes back for @file cut at @cut. Requests that wait are the same for the clock, which stands
 * still until all was sent. */
static struct outcome play(const struct file *file, size_t cut, bool half_close)
{
	struct site site;
	struct sim_peer *peer;
	struct outcome outcome;

	site_open_for_replay(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_send(peer, file->ptr, cut);
	sim_settle(site.loop);
	if (cut < file->len) {
		sim_peer_send(peer, file->ptr + cut, file->len - cut);
		sim_settle(site.loop);
	}
	if (half_close)
		sim_peer_fin(peer);
	outcome = take_outcome(&site, peer);
	site_close(&site);
	return outcome;
}

static void expect_same(const struct file *file, const struct outcome *whole, struct outcome *cut,
			size_t at)
{
	if (whole->len != cut->len || memcmp(whole->ptr, cut->ptr, cut->len) != 0)
		cr_assert(false, "%s cut at %zu\nwhole: %.*s\ncut: %.*s", file->name, at,
			  (int)whole->len, whole->ptr, (int)cut->len, cut->ptr);
	cr_assert_eq(whole->ended, cut->ended, "%s cut at %zu", file->name, at);
	cr_assert_eq(whole->reset, cut->reset, "%s cut at %zu", file->name, at);
	free(cut->ptr);
}

Test(splits, a_cut_anywhere_changes_nothing)
{
	read_corpus();
	for (size_t i = 0; i < file_count; i++) {
		const struct file *file = &files[i];
		size_t step = 1 + file->len / CUTS_MAX;

		for (int half_close = 0; half_close < 2; half_close++) {
			struct outcome whole = play(file, file->len, half_close);

			for (size_t cut = 1; cut < file->len; cut += step) {
				struct outcome outcome = play(file, cut, half_close);

				expect_same(file, &whole, &outcome, cut);
			}
			free(whole.ptr);
		}
	}
	free_corpus();
}

Test(splits, files_that_are_named_for_a_status_get_it)
{
	read_corpus();
	for (size_t i = 0; i < file_count; i++) {
		struct outcome outcome = play(&files[i], files[i].len, true);
		struct ouro_str rest = ouro_str(outcome.ptr, outcome.len);
		unsigned wanted = (unsigned)atoi(files[i].name);
		struct answer answer = { 0 };

		while (wanted >= 400 && answer.status != wanted &&
		       answer_read(&rest, false, &answer))
			;
		if (wanted >= 400) {
			cr_assert_eq(answer.status, wanted, "%s: %.*s", files[i].name,
				     (int)outcome.len, outcome.ptr);
			cr_assert_eq(rest.len, 0, "%s", files[i].name);
		}
		free(outcome.ptr);
	}
	free_corpus();
}

/* In pieces of any size on a kernel that does as it likes. */
static struct outcome play_wildly(const struct file *file, uint64_t seed)
{
	struct sim_settings settings = sim_wild(seed);
	struct ouro_options options = { .recv_buffers = 1U << seed % 5, .recv_buffer_bytes = 256 };
	struct site site;
	struct sim_peer *peer;
	struct outcome outcome;
	size_t done = 0;

	settings.reset = 0;
	site_open_for_replay(&site, &options, &settings);
	peer = site_connect(&site);
	while (done < file->len) {
		size_t piece = 1 + sim_random(site.sim, file->len > 2000 ? 2000 : 40);

		if (piece > file->len - done)
			piece = file->len - done;
		if (!sim_peer_send(peer, file->ptr + done, piece))
			break;
		done += piece;
		ouro_loop_turn(site.loop, false);
	}
	if (done == file->len)
		sim_peer_fin(peer);
	sim_settle(site.loop);
	outcome = take_outcome(&site, peer);
	site_close(&site);
	return outcome;
}

Test(splits, a_wild_kernel_changes_nothing)
{
	read_corpus();
	for (size_t i = 0; i < file_count; i++) {
		struct outcome whole = play(&files[i], files[i].len, true);

		for (uint64_t seed = 1; seed <= WILD_SEEDS; seed++) {
			struct outcome outcome = play_wildly(&files[i], seed * 1000 + i);

			expect_same(&files[i], &whole, &outcome, seed);
		}
		free(whole.ptr);
	}
	free_corpus();
}
