/* Tests of file/cache.h. Time is a number; looks of other threads are run here when it pleases. The own
 * walk never answers at once, so that it forces waiting. */
#include "file/cache.h"

#include "base/filebuf.h"
#include "base/str.h"
#include "tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

enum { REVALIDATE = 1000, IDLE = 60000, MEMORY = 8, MAX = 8, ABSENT_MAX = 3 };

static struct ouro_file_cache *make_cache(void)
{
	const struct ouro_file_cache_options options = {
		.entries_max = MAX,
		.revalidate_ms = REVALIDATE,
		.memory_bytes_max = MEMORY,
		.note_bytes = 16,
	};
	struct ouro_file_cache *cache;

	cr_assert_eq(ouro_file_cache_create(&cache, &options), 0);
	return cache;
}

struct waiter {
	struct ouro_file_waiter waiter; /* first */
	unsigned calls;
	int error;
	struct ouro_file *file; /* a reference */
};

static void on_known(struct ouro_file_waiter *waiter, int error, struct ouro_file *file)
{
	struct waiter *self = (struct waiter *)(void *)waiter;

	self->calls++;
	self->error = error;
	self->file = file ? ouro_file_ref(file) : NULL;
}

#define WAITER ((struct waiter){ .waiter = { .on_known = on_known } })

/* What is at @path, with a reference; waits where it must. */
static int get(struct ouro_file_cache *cache, const struct ouro_file_root *root, const char *path,
	       uint64_t now_ms, struct ouro_file **file)
{
	struct waiter waiter = WAITER;
	struct ouro_file_look *look;
	int err = ouro_file_cache_get(cache, root, ouro_str_c(path), now_ms, file);

	if (err != -EAGAIN) {
		if (!err)
			ouro_file_ref(*file);
		return err;
	}
	cr_assert_eq(ouro_file_cache_wait(cache, root, ouro_str_c(path), &waiter.waiter, &look), 0);
	cr_assert_not_null(look);
	ouro_file_look_run(look, false);
	ouro_file_cache_settle(cache, look, now_ms);
	cr_assert_eq(waiter.calls, 1);
	*file = waiter.file;
	return waiter.error;
}

/* The same for its error alone. */
static int ask(struct ouro_file_cache *cache, const struct ouro_file_root *root, const char *path,
	       uint64_t now_ms)
{
	struct ouro_file *file = NULL;
	int err = get(cache, root, path, now_ms, &file);

	ouro_file_unref(file);
	return err;
}

static bool holds(const struct ouro_file *file, const char *content)
{
	return ouro_str_eq(ouro_str(file->buf->data, file->buf->len), ouro_str_c(content));
}

Test(file_cache, a_file_is_the_same_until_it_is_looked_at_again)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	struct ouro_file *one, *two, *three;

	tree_file("a", "old");
	tree_age("a");
	cr_assert_eq(get(cache, &root, "a", 5000, &one), 0);
	tree_file("a", "newer");
	cr_assert_eq(get(cache, &root, "a", 5000 + REVALIDATE - 1, &two), 0);
	cr_expect_eq(one, two);
	cr_assert_eq(get(cache, &root, "a", 5000 + REVALIDATE, &three), 0);
	cr_expect_neq(one, three);
	cr_expect(holds(one, "old"), "who holds it still has it");
	cr_expect(holds(three, "newer"));
	ouro_file_unref(one);
	ouro_file_unref(two);
	ouro_file_unref(three);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, what_did_not_change_keeps_its_note)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	struct ouro_file *file;

	tree_file("a", "old");
	tree_age("a");
	cr_assert_eq(get(cache, &root, "a", 0, &file), 0);
	cr_expect_eq(file->note[15], 0);
	file->note[15] = 7;
	ouro_file_unref(file);
	cr_assert_eq(get(cache, &root, "a", REVALIDATE, &file), 0);
	cr_expect_eq(file->note[15], 7);
	ouro_file_unref(file);
	tree_file("a", "new");
	cr_assert_eq(get(cache, &root, "a", 2 * REVALIDATE, &file), 0);
	cr_expect_eq(file->note[15], 0);
	ouro_file_unref(file);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, absences_are_remembered_too)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();

	cr_expect_eq(ask(cache, &root, "a", 0), -ENOENT);
	cr_expect_eq(ouro_file_cache_count(cache), 1);
	tree_file("a", "");
	cr_expect_eq(ask(cache, &root, "a", REVALIDATE - 1), -ENOENT);
	cr_expect_eq(ask(cache, &root, "a", REVALIDATE), 0);
	cr_expect_eq(ouro_file_cache_count(cache), 1);
	tree_unlink("a");
	cr_expect_eq(ask(cache, &root, "a", 2 * REVALIDATE), -ENOENT);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, directories_are_remembered)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	struct ouro_file *file;

	tree_directory("d");
	cr_assert_eq(get(cache, &root, "d", 0, &file), 0);
	cr_expect_eq(file->stat.kind, OURO_FILE_DIRECTORY);
	cr_expect_null(file->buf);
	ouro_file_unref(file);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, malformed_paths_are_not_remembered)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();

	cr_expect_eq(ask(cache, &root, "../a", 0), -EINVAL);
	cr_expect_eq(ask(cache, &root, ".a", 0), -EPERM);
	cr_expect_eq(ask(cache, &root, "", 0), -EINVAL);
	cr_expect_eq(ouro_file_cache_count(cache), 0);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, each_root_has_its_own_paths)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_root other = root;
	struct ouro_file_cache *cache = make_cache();

	tree_file("b", "");
	tree_link("a", "b");
	other.symlinks = true;
	cr_expect_eq(ask(cache, &root, "a", 0), -ELOOP);
	cr_expect_eq(ask(cache, &other, "a", 0), 0);
	cr_expect_eq(ask(cache, &root, "a", 0), -ELOOP);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, what_was_asked_for_longest_ago_goes_first)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	unsigned before = tree_descriptor_count();
	struct ouro_file *first, *again;
	char name[16];

	for (int i = 0; i <= MAX; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		tree_file(name, "too long for memory");
	}
	cr_assert_eq(get(cache, &root, "f0", 0, &first), 0);
	for (int i = 1; i < MAX; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		cr_assert_eq(ask(cache, &root, name, 0), 0);
	}
	cr_assert_eq(ask(cache, &root, "f0", 0), 0);
	cr_assert_eq(ask(cache, &root, "f8", 0), 0); /* in place of f1 */
	cr_expect_eq(ouro_file_cache_count(cache), MAX);
	cr_expect_eq(tree_descriptor_count(), before + MAX);
	cr_assert_eq(get(cache, &root, "f0", 0, &again), 0);
	cr_expect_eq(first, again);
	tree_unlink("f1");
	cr_expect_eq(ask(cache, &root, "f1", 0), -ENOENT);
	ouro_file_unref(first);
	ouro_file_unref(again);
	ouro_file_cache_destroy(cache);
	cr_expect_eq(tree_descriptor_count(), before);
	tree_remove();
}

Test(file_cache, fewer_files_may_be_open_than_are_remembered)
{
	struct ouro_file_root root = tree_create();
	const struct ouro_file_cache_options options = {
		.entries_max = 100,
		.descriptors_max = 4,
		.memory_bytes_max = MEMORY,
		.revalidate_ms = REVALIDATE,
	};
	struct ouro_file_cache *cache;
	unsigned before = tree_descriptor_count();
	char name[16];

	cr_assert_eq(ouro_file_cache_create(&cache, &options), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		tree_file(name, "too long for memory");
		cr_assert_eq(ask(cache, &root, name, 0), 0);
	}
	cr_expect_eq(ouro_file_cache_count(cache), 4);
	cr_expect_eq(tree_descriptor_count(), before + 4);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		tree_file(name, "short");
		cr_assert_eq(ask(cache, &root, name, 0), 0);
	}
	cr_expect_eq(ouro_file_cache_count(cache), 24);
	ouro_file_cache_destroy(cache);
	cr_expect_eq(tree_descriptor_count(), before);
	tree_remove();
}

Test(file_cache, absences_push_out_no_file)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	struct ouro_file *one, *two;
	char name[16];

	tree_file("a", "");
	cr_assert_eq(get(cache, &root, "a", 0, &one), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "none%d", i);
		cr_assert_eq(ask(cache, &root, name, 0), -ENOENT);
	}
	cr_expect_eq(ouro_file_cache_count(cache), 1 + ABSENT_MAX);
	cr_assert_eq(get(cache, &root, "a", 0, &two), 0);
	cr_expect_eq(one, two);
	ouro_file_unref(one);
	ouro_file_unref(two);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, a_file_pushed_out_lives_until_its_last_reference_goes)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	unsigned before = tree_descriptor_count();
	struct ouro_file *file;
	struct ouro_buf *buf;

	tree_file("a", "too long for memory");
	cr_assert_eq(get(cache, &root, "a", 0, &file), 0);
	buf = ouro_buf_ref(file->buf);
	ouro_file_unref(file);
	ouro_file_cache_destroy(cache);
	cr_expect_eq(tree_descriptor_count(), before + 1);
	cr_expect_geq(ouro_filebuf_fd(buf), 0);
	ouro_buf_unref(buf);
	cr_expect_eq(tree_descriptor_count(), before);
	tree_remove();
}

Test(file_cache, what_nobody_asks_for_is_closed)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();

	tree_file("a", "");
	tree_file("b", "");
	cr_assert_eq(ask(cache, &root, "a", 0), 0);
	cr_assert_eq(ask(cache, &root, "b", 0), 0);
	cr_assert_eq(ask(cache, &root, "none", 0), -ENOENT);
	cr_assert_eq(ask(cache, &root, "a", 500), 0);
	ouro_file_cache_trim(cache, IDLE - 1);
	cr_expect_eq(ouro_file_cache_count(cache), 3);
	ouro_file_cache_trim(cache, IDLE);
	cr_expect_eq(ouro_file_cache_count(cache), 1);
	ouro_file_cache_trim(cache, IDLE + 500);
	cr_expect_eq(ouro_file_cache_count(cache), 0);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, many_wait_for_one_look)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	struct waiter waiters[3] = { WAITER, WAITER, WAITER };
	struct ouro_file_look *look, *none;
	struct ouro_file *file;

	root.walk = true;
	tree_file("a", "content");
	cr_assert_eq(ouro_file_cache_get(cache, &root, OURO_STR("a"), 0, &file), -EAGAIN);
	cr_assert_eq(ouro_file_cache_wait(cache, &root, OURO_STR("a"), &waiters[0].waiter, &look),
		     0);
	cr_assert_not_null(look);
	for (int i = 1; i < 3; i++) {
		cr_assert_eq(ouro_file_cache_get(cache, &root, OURO_STR("a"), 0, &file), -EAGAIN);
		cr_assert_eq(ouro_file_cache_wait(cache, &root, OURO_STR("a"), &waiters[i].waiter,
						  &none),
			     0);
		cr_assert_null(none, "one looks already");
	}
	ouro_file_cache_leave(&waiters[1].waiter);
	ouro_file_look_run(look, false);
	ouro_file_cache_settle(cache, look, 10);
	cr_expect_eq(waiters[0].calls, 1);
	cr_expect_eq(waiters[1].calls, 0, "it had left");
	cr_expect_eq(waiters[2].calls, 1);
	cr_expect_eq(waiters[0].file, waiters[2].file);
	cr_assert_eq(ouro_file_cache_get(cache, &root, OURO_STR("a"), 10, &file), 0);
	cr_expect_eq(waiters[0].file, file);
	ouro_file_unref(waiters[0].file);
	ouro_file_unref(waiters[2].file);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, a_look_goes_on_when_all_have_left)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	struct waiter waiter = WAITER;
	struct ouro_file_look *look;
	struct ouro_file *file;

	root.walk = true;
	cr_assert_eq(ouro_file_cache_wait(cache, &root, OURO_STR("a"), &waiter.waiter, &look), 0);
	ouro_file_cache_leave(&waiter.waiter);
	ouro_file_look_run(look, false);
	ouro_file_cache_settle(cache, look, 0);
	cr_expect_eq(waiter.calls, 0);
	cr_expect_eq(ouro_file_cache_get(cache, &root, OURO_STR("a"), 0, &file), -ENOENT);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, a_look_that_nobody_can_do_is_taken_back)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	struct waiter waiter = WAITER;
	struct ouro_file_look *look;

	root.walk = true;
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(ouro_file_cache_wait(cache, &root, OURO_STR("a"), &waiter.waiter,
						  &look),
			     0);
		cr_assert_not_null(look);
		ouro_file_cache_withdraw(cache, look);
		cr_expect_eq(ouro_file_cache_count(cache), 0);
	}
	cr_expect_eq(waiter.calls, 0);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, what_is_being_looked_at_is_not_pushed_out)
{
	struct ouro_file_root root = tree_create(), other;
	struct ouro_file_cache *cache = make_cache();
	struct waiter waiter = WAITER;
	struct ouro_file_look *look;
	char name[16];

	root.walk = true;
	other = root;
	tree_file("a", "");
	cr_assert_eq(ask(cache, &root, "a", 0), 0);
	cr_assert_eq(ouro_file_cache_wait(cache, &root, OURO_STR("a"), &waiter.waiter, &look), 0);
	for (int i = 0; i < 2 * MAX; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		tree_file(name, "");
		cr_assert_eq(ask(cache, &other, name, 0), 0);
	}
	cr_expect_eq(ouro_file_cache_count(cache), MAX);
	ouro_file_cache_trim(cache, IDLE);
	cr_expect_eq(ouro_file_cache_count(cache), 1);
	ouro_file_look_run(look, false);
	ouro_file_cache_settle(cache, look, IDLE);
	cr_expect_eq(waiter.error, 0);
	ouro_file_unref(waiter.file);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, what_the_machine_lacks_is_told_and_forgotten)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	struct rlimit limit, none;

	tree_file("a", "");
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	cr_expect_eq(ask(cache, &root, "a", 0), -EMFILE);
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_expect_eq(ouro_file_cache_count(cache), 0);
	cr_expect_eq(ask(cache, &root, "a", 0), 0);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

/* Asks for the next path from within a call. */
struct chained {
	struct ouro_file_waiter waiter; /* first */
	struct ouro_file_cache *cache;
	const struct ouro_file_root *root;
	struct ouro_file_look *look;
};

static void on_known_ask(struct ouro_file_waiter *waiter, int error, struct ouro_file *file)
{
	struct chained *self = (struct chained *)(void *)waiter;

	(void)error, (void)file;
	ouro_file_cache_wait(self->cache, self->root, OURO_STR("b"), &self->waiter, &self->look);
}

Test(file_cache, who_is_called_may_use_the_cache)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_cache *cache = make_cache();
	struct chained chained = { { .on_known = on_known_ask }, cache, &root, NULL };
	struct ouro_file_look *look;

	root.walk = true;
	cr_assert_eq(ouro_file_cache_wait(cache, &root, OURO_STR("a"), &chained.waiter, &look), 0);
	ouro_file_look_run(look, false);
	ouro_file_cache_settle(cache, look, 0);
	cr_assert_not_null(chained.look);
	ouro_file_cache_withdraw(cache, chained.look);
	ouro_file_cache_destroy(cache);
	tree_remove();
}

Test(file_cache, zero_looks_each_time)
{
	struct ouro_file_root root = tree_create();
	const struct ouro_file_cache_options options = { 0 };
	struct ouro_file_cache *cache;

	cr_assert_eq(ouro_file_cache_create(&cache, &options), 0);
	cr_expect_eq(ask(cache, &root, "a", 0), -ENOENT);
	tree_file("a", "");
	cr_expect_eq(ask(cache, &root, "a", 0), 0);
	ouro_file_cache_destroy(cache);
	tree_remove();
}
