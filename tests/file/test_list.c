/* Tests of file/list.h. */
#include "file/list.h"

#include "base/str.h"
#include "tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 400000 };

/* The names in the directory, with a slash behind directories and "..." where there are more. */
static const char *list(const struct ouro_file_root *root, const char *path, size_t bytes)
{
	static char text[4096];
	void *memory = malloc(bytes);
	struct ouro_list list;
	int err = ouro_list_read(root, ouro_str_c(path), memory, bytes, &list);

	text[0] = '\0';
	if (err)
		snprintf(text, sizeof(text), "%d", err);
	for (uint32_t i = 0; !err && i < list.count; i++) {
		strncat(text, list.entries[i].name.ptr, list.entries[i].name.len);
		strcat(text, list.entries[i].kind == OURO_FILE_DIRECTORY ? "/ " : " ");
	}
	if (!err && list.more)
		strcat(text, "...");
	free(memory);
	return text;
}

static struct ouro_file_root make_tree(void)
{
	struct ouro_file_root root = tree_create();

	tree_directory("dir");
	tree_directory("dir/empty");
	tree_file("b", "12");
	tree_file("a10", "");
	tree_file("a1", "");
	tree_file("B", "");
	tree_file(".hidden", "");
	tree_fifo("fifo");
	tree_file("../outside", "");
	tree_link("inside", "b");
	tree_link("out", "../outside");
	tree_link("nowhere", "none");
	tree_link("dir/up", "../b");
	return root;
}

Test(list, what_can_be_asked_for_by_name)
{
	struct ouro_file_root root = make_tree();
	unsigned before = tree_descriptor_count();

	cr_expect_str_eq(list(&root, "", BYTES), "B a1 a10 b dir/ ");
	cr_expect_str_eq(list(&root, "dir", BYTES), "empty/ ");
	cr_expect_str_eq(list(&root, "dir/empty", BYTES), "");
	cr_expect_eq(tree_descriptor_count(), before);
	tree_remove();
}

Test(list, dotfiles_and_links_where_they_may_be_asked_for)
{
	struct ouro_file_root root = make_tree();

	root.dotfiles = true;
	cr_expect_str_eq(list(&root, "", BYTES), ".hidden B a1 a10 b dir/ ");
	root.dotfiles = false;
	root.symlinks = true;
	cr_expect_str_eq(list(&root, "", BYTES), "B a1 a10 b dir/ inside ");
	cr_expect_str_eq(list(&root, "dir", BYTES), "empty/ up ");
	tree_remove();
}

Test(list, sizes_and_times)
{
	struct ouro_file_root root = make_tree();
	_Alignas(8) char memory[4096];
	struct ouro_list list;

	cr_assert_eq(ouro_list_read(&root, OURO_STR(""), memory, sizeof(memory), &list), 0);
	cr_expect_eq(list.entries[3].size, 2);
	cr_expect_gt(list.entries[3].modified_ns, 1700000000000000000);
	tree_remove();
}

Test(list, what_is_no_directory)
{
	struct ouro_file_root root = make_tree();
	char expected[16];

	snprintf(expected, sizeof(expected), "%d", -ENOTDIR);
	cr_expect_str_eq(list(&root, "b", BYTES), expected);
	cr_expect_str_eq(list(&root, "fifo", BYTES), expected);
	snprintf(expected, sizeof(expected), "%d", -ENOENT);
	cr_expect_str_eq(list(&root, "none", BYTES), expected);
	snprintf(expected, sizeof(expected), "%d", -EINVAL);
	cr_expect_str_eq(list(&root, "..", BYTES), expected);
	tree_remove();
}

Test(list, no_more_than_there_is_memory_for)
{
	struct ouro_file_root root = make_tree();

	/* One entry and its name; not even that; names alone would do. */
	cr_expect_str_eq(list(&root, "dir", sizeof(struct ouro_list_entry) + 5), "empty/ ");
	cr_expect_str_eq(list(&root, "dir", sizeof(struct ouro_list_entry) + 4), "...");
	cr_expect_str_eq(list(&root, "dir", 8), "...");
	tree_remove();
}

Test(list, no_more_than_the_limit)
{
	struct ouro_file_root root = tree_create();
	void *memory = malloc(BYTES);
	struct ouro_list list;
	char name[16];

	for (int i = 0; i < OURO_LIST_ENTRIES_MAX; i++) {
		snprintf(name, sizeof(name), "%05d", i);
		tree_file(name, "");
	}
	cr_assert_eq(ouro_list_read(&root, OURO_STR(""), memory, BYTES, &list), 0);
	cr_expect_eq(list.count, OURO_LIST_ENTRIES_MAX);
	cr_expect_not(list.more);
	cr_expect(ouro_str_eq(list.entries[1234].name, OURO_STR("01234")));
	tree_file("one more", "");
	cr_assert_eq(ouro_list_read(&root, OURO_STR(""), memory, BYTES, &list), 0);
	cr_expect_eq(list.count, OURO_LIST_ENTRIES_MAX);
	cr_expect(list.more);
	free(memory);
	tree_remove();
}
