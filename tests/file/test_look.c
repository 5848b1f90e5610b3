/* Tests of file/look.h. */
#include "file/look.h"

#include "base/filebuf.h"
#include "base/str.h"
#include "tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

enum { MEMORY = 8 };

static struct ouro_file_look look_at(const struct ouro_file_root *root, const char *path)
{
	return (struct ouro_file_look){
		.root = root,
		.path = ouro_str_c(path),
		.memory_bytes_max = MEMORY,
	};
}

/* Looks again, knowing what @before found. */
static struct ouro_file_look look_again(const struct ouro_file_look *before)
{
	struct ouro_file_look look = { .root = before->root,
				       .path = before->path,
				       .memory_bytes_max = MEMORY,
				       .known = before->stat,
				       .known_young = before->young };

	ouro_file_look_run(&look, false);
	return look;
}

Test(look, small_files_come_into_memory)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_look look = look_at(&root, "a");
	unsigned before = tree_descriptor_count();

	tree_file("a", "12345678");
	ouro_file_look_run(&look, false);
	cr_assert_eq(look.error, 0);
	cr_assert_not(ouro_buf_is_file(look.buf));
	cr_assert(ouro_str_eq(ouro_str(look.buf->data, look.buf->len), OURO_STR("12345678")));
	cr_assert_eq(tree_descriptor_count(), before);
	ouro_buf_unref(look.buf);
	tree_remove();
}

Test(look, larger_files_come_open)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_look look = look_at(&root, "a");
	unsigned before = tree_descriptor_count();

	tree_file("a", "123456789");
	ouro_file_look_run(&look, false);
	cr_assert_eq(look.error, 0);
	cr_assert(ouro_buf_is_file(look.buf));
	cr_assert_not(look.young, "what is open shows its changes");
	cr_assert_eq(look.stat.size, 9);
	ouro_buf_unref(look.buf);
	cr_assert_eq(tree_descriptor_count(), before);
	tree_remove();
}

Test(look, empty_files_are_memory)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_look look = look_at(&root, "a");

	look.memory_bytes_max = 0;
	tree_file("a", "");
	ouro_file_look_run(&look, false);
	cr_assert_eq(look.error, 0);
	cr_assert_not(ouro_buf_is_file(look.buf));
	cr_assert_eq(look.buf->len, 0);
	ouro_buf_unref(look.buf);
	tree_remove();
}

Test(look, what_has_not_changed_is_not_opened_again)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_look look = look_at(&root, "a"), again;

	tree_file("a", "1234");
	tree_age("a");
	ouro_file_look_run(&look, false);
	cr_assert_not(look.young);
	again = look_again(&look);
	cr_assert(again.same);
	cr_assert_null(again.buf);
	ouro_buf_unref(look.buf);
	tree_remove();
}

Test(look, what_may_have_changed_unseen_is_read_again)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_look look = look_at(&root, "a"), again;

	tree_file("a", "1234");
	ouro_file_look_run(&look, false);
	cr_assert(look.young);
	again = look_again(&look);
	cr_assert_not(again.same);
	cr_assert_not_null(again.buf);
	ouro_buf_unref(look.buf);
	ouro_buf_unref(again.buf);
	tree_remove();
}

Test(look, a_file_of_which_only_the_time_changed_is_another)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_look look = look_at(&root, "a"), again;

	tree_file("a", "123456789");
	ouro_file_look_run(&look, false);
	tree_age("a");
	again = look_again(&look);
	cr_assert_not(again.same);
	cr_assert_eq(again.stat.modified_ns, 1000000000000000000);
	ouro_buf_unref(look.buf);
	ouro_buf_unref(again.buf);
	tree_remove();
}

Test(look, directories_and_others_have_no_content)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_look directory = look_at(&root, "d"), fifo = look_at(&root, "f");

	tree_directory("d");
	tree_fifo("f");
	ouro_file_look_run(&directory, false);
	cr_assert_eq(directory.error, 0);
	cr_assert_eq(directory.stat.kind, OURO_FILE_DIRECTORY);
	cr_assert_null(directory.buf);
	ouro_file_look_run(&fifo, false);
	cr_assert_eq(fifo.error, 0);
	cr_assert_eq(fifo.stat.kind, OURO_FILE_OTHER);
	cr_assert_null(fifo.buf);
	tree_remove();
}

Test(look, errors_leave_nothing_open)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_look look = look_at(&root, "none");
	unsigned before = tree_descriptor_count();

	ouro_file_look_run(&look, false);
	cr_assert_eq(look.error, -ENOENT);
	cr_assert_null(look.buf);
	cr_assert_eq(tree_descriptor_count(), before);
	tree_remove();
}

Test(look, a_file_that_says_less_than_its_size_is_sent_as_it_comes)
{
	/* Files of sysfs claim a page and hold a line. */
	struct ouro_file_root root = { .fd = open("/sys/kernel",
						  O_PATH | O_DIRECTORY | O_CLOEXEC) };
	struct ouro_file_look look = look_at(&root, "uevent_seqnum");

	look.memory_bytes_max = 65536;
	ouro_file_look_run(&look, false);
	if (look.error) {
		fprintf(stderr, "skipped: no such file here\n");
		return;
	}
	cr_assert(ouro_buf_is_file(look.buf));
	ouro_buf_unref(look.buf);
}

Test(look, without_waiting_for_a_disk)
{
	struct ouro_file_root root = tree_create();
	struct ouro_file_look look = look_at(&root, "a");

	tree_file("a", "1234");
	ouro_file_look_run(&look, true);
	if (look.error == -EAGAIN) {
		fprintf(stderr, "skipped: nothing is said from the cache here\n");
	} else {
		cr_assert_eq(look.error, 0);
		cr_assert(ouro_str_eq(ouro_str(look.buf->data, look.buf->len), OURO_STR("1234")));
		ouro_buf_unref(look.buf);
	}
	tree_remove();
}
