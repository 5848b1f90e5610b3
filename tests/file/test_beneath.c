/* Tests of file/beneath.h: one table for what the kernel resolves and for the own walk. */
#include "file/beneath.h"

#include "base/str.h"
#include "tree.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LONG_NAME(n) n n n n n n n n n n n n n n n n
#define NAME_255 LONG_NAME("0123456789abcdef")

enum { REGULAR = OURO_FILE_REGULAR, DIRECTORY = OURO_FILE_DIRECTORY, OTHER = OURO_FILE_OTHER };

/* What looking finds, a kind or a negative errno: without links, and with links allowed. */
struct looked {
	const char *path;
	int plain, with_links;
};

static const struct looked looked_table[] = {
	{ "a.txt", REGULAR, REGULAR },
	{ "dir", DIRECTORY, DIRECTORY },
	{ "dir/b.txt", REGULAR, REGULAR },
	{ "dir/sub/deep.txt", REGULAR, REGULAR },
	{ "sp ace", REGULAR, REGULAR },
	{ "back\\slash", REGULAR, REGULAR },
	{ "new\nline", REGULAR, REGULAR },
	{ "...", -EPERM, -EPERM },
	{ "fifo", OTHER, OTHER },
	{ "socket", OTHER, OTHER },
	/* What is not there. */
	{ "none", -ENOENT, -ENOENT },
	{ "dir/none", -ENOENT, -ENOENT },
	{ "none/a.txt", -ENOENT, -ENOENT },
	{ "a.txt/b.txt", -ENOTDIR, -ENOTDIR },
	{ "fifo/b.txt", -ENOTDIR, -ENOTDIR },
	/* What is malformed. */
	{ "", -EINVAL, -EINVAL },
	{ "/", -EINVAL, -EINVAL },
	{ "/a.txt", -EINVAL, -EINVAL },
	{ "//a.txt", -EINVAL, -EINVAL },
	{ "dir/", -EINVAL, -EINVAL },
	{ "dir//b.txt", -EINVAL, -EINVAL },
	{ ".", -EINVAL, -EINVAL },
	{ "..", -EINVAL, -EINVAL },
	{ "../outside", -EINVAL, -EINVAL },
	{ "dir/..", -EINVAL, -EINVAL },
	{ "dir/../a.txt", -EINVAL, -EINVAL },
	{ "dir/./b.txt", -EINVAL, -EINVAL },
	{ "dir/../../outside", -EINVAL, -EINVAL },
	/* Dots in front. */
	{ ".hidden", -EPERM, -EPERM },
	{ ".git/config", -EPERM, -EPERM },
	{ "dir/.hidden", -EPERM, -EPERM },
	{ ".none", -EPERM, -EPERM },
	/* Links that stay inside. */
	{ "to-file", -ELOOP, REGULAR },
	{ "to-dir", -ELOOP, DIRECTORY },
	{ "to-dir/b.txt", -ELOOP, REGULAR },
	{ "to-dir-slash", -ELOOP, DIRECTORY },
	{ "to-dir-slash/b.txt", -ELOOP, REGULAR },
	{ "to-file-slash", -ELOOP, -ENOTDIR },
	{ "to-hidden", -ELOOP, REGULAR },
	{ "to-here", -ELOOP, DIRECTORY },
	{ "to-here/a.txt", -ELOOP, REGULAR },
	{ "to-fifo", -ELOOP, OTHER },
	{ "to-none", -ELOOP, -ENOENT },
	{ "to-odd-slashes", -ELOOP, REGULAR },
	{ "dir/up", -ELOOP, REGULAR },
	{ "dir/up-dir", -ELOOP, DIRECTORY },
	{ "dir/up-dir/a.txt", -ELOOP, REGULAR },
	{ "dir/sub/up-and-down", -ELOOP, REGULAR },
	{ "dir/sub/up-twice", -ELOOP, DIRECTORY },
	{ "link39", -ELOOP, REGULAR },
	/* Links that do not, or go nowhere. */
	{ "link40", -ELOOP, -ELOOP },
	{ "loop", -ELOOP, -ELOOP },
	{ "loop/a.txt", -ELOOP, -ELOOP },
	{ "out", -ELOOP, -EXDEV },
	{ "out-absolute", -ELOOP, -EXDEV },
	{ "out-absolute-inside", -ELOOP, -EXDEV },
	{ "out-slash", -ELOOP, -EXDEV },
	{ "out-dir/outside", -ELOOP, -EXDEV },
	{ "dir/out", -ELOOP, -EXDEV },
	{ "dir/sub/out-and-in", -ELOOP, -EXDEV },
};

/* The 40th link of the way is one too many where each leads to the one before. */
static void make_chain(void)
{
	char name[16], before[16] = "a.txt";

	for (int i = 0; i <= OURO_FILE_LINKS_MAX; i++) {
		snprintf(name, sizeof(name), "link%d", i);
		tree_link(name, before);
		strcpy(before, name);
	}
}

static struct ouro_file_root make_tree(void)
{
	struct ouro_file_root root = tree_create();
	char absolute[256];

	tree_directory("dir");
	tree_directory("dir/sub");
	tree_directory(".git");
	tree_file("a.txt", "a");
	tree_file("dir/b.txt", "bb");
	tree_file("dir/sub/deep.txt", "deep");
	tree_file("sp ace", "");
	tree_file("back\\slash", "");
	tree_file("new\nline", "");
	tree_file("...", "");
	tree_file(".hidden", "");
	tree_file(".git/config", "");
	tree_file("dir/.hidden", "");
	tree_file("../outside", "outside");
	tree_fifo("fifo");
	tree_socket("socket");
	tree_link("to-file", "a.txt");
	tree_link("to-dir", "dir");
	tree_link("to-dir-slash", "dir/");
	tree_link("to-file-slash", "a.txt/");
	tree_link("to-hidden", ".hidden");
	tree_link("to-here", ".");
	tree_link("to-fifo", "fifo");
	tree_link("to-none", "none");
	tree_link("to-odd-slashes", ".//dir///./b.txt");
	tree_link("dir/up", "../a.txt");
	tree_link("dir/up-dir", "..");
	tree_link("dir/sub/up-and-down", "../../dir/sub/../b.txt");
	tree_link("dir/sub/up-twice", "../..");
	tree_link("loop", "loop");
	tree_link("out", "../outside");
	tree_link("out-absolute", "/etc/passwd");
	snprintf(absolute, sizeof(absolute), "%s/a.txt", getcwd((char[128]){ 0 }, 128));
	tree_link("out-absolute-inside", absolute);
	tree_link("out-slash", "/");
	tree_link("out-dir", "..");
	tree_link("dir/out", "../../outside");
	tree_link("dir/sub/out-and-in", "../../../root/a.txt");
	make_chain();
	return root;
}

static int look(const struct ouro_file_root *root, const char *path, bool cached)
{
	struct ouro_file_stat stat;
	int err = ouro_beneath_look(root, ouro_str_c(path), cached, &stat);

	return err ? err : (int)stat.kind;
}

static void check_all(struct ouro_file_root root)
{
	for (size_t i = 0; i < sizeof(looked_table) / sizeof(looked_table[0]); i++) {
		const struct looked *it = &looked_table[i];
		int got;

		root.symlinks = false;
		got = look(&root, it->path, false);
		cr_expect_eq(got, it->plain, "%s: %d, not %d", it->path, got, it->plain);
		root.symlinks = true;
		got = look(&root, it->path, false);
		cr_expect_eq(got, it->with_links, "%s with links: %d, not %d", it->path, got,
			     it->with_links);
	}
}

Test(beneath, table_by_the_kernel)
{
	struct ouro_file_root root = make_tree();
	unsigned before = tree_descriptor_count();

	check_all(root);
	cr_assert_eq(tree_descriptor_count(), before);
	tree_remove();
}

Test(beneath, table_by_the_walk)
{
	struct ouro_file_root root = make_tree();
	unsigned before = tree_descriptor_count();

	root.walk = true;
	check_all(root);
	cr_assert_eq(tree_descriptor_count(), before);
	tree_remove();
}

/* Has openat2(2) fail with @error in this process. */
static bool forbid_openat2(unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void table_where_openat2_fails(unsigned error)
{
	struct ouro_file_root root = make_tree();

	if (forbid_openat2(error)) {
		check_all(root);
		cr_expect_eq(look(&root, "a.txt", true), -EAGAIN);
	} else {
		fprintf(stderr, "skipped: no seccomp filter\n");
	}
	tree_remove();
}

Test(beneath, table_where_the_kernel_has_no_openat2)
{
	table_where_openat2_fails(ENOSYS);
}

Test(beneath, table_where_a_filter_forbids_openat2)
{
	table_where_openat2_fails(EPERM);
}

Test(beneath, cached_looks_say_the_same_or_that_they_cannot)
{
	struct ouro_file_root root = make_tree();
	unsigned known = 0;

	check_all(root); /* it is all cached by now, as far as it can be */
	for (size_t i = 0; i < sizeof(looked_table) / sizeof(looked_table[0]); i++) {
		const struct looked *it = &looked_table[i];
		int got;

		root.symlinks = false;
		got = look(&root, it->path, true);
		cr_expect(got == it->plain || got == -EAGAIN, "%s: %d", it->path, got);
		root.symlinks = true;
		got = look(&root, it->path, true);
		cr_expect(got == it->with_links || got == -EAGAIN, "%s: %d", it->path, got);
		known += got != -EAGAIN;
	}
	if (look(&root, "a.txt", true) == -EAGAIN)
		fprintf(stderr, "skipped: nothing is said from the cache here\n");
	else
		cr_expect_gt(known, 20);
	tree_remove();
}

Test(beneath, a_cached_look_by_the_walk_cannot_be)
{
	struct ouro_file_root root = make_tree();

	root.walk = true;
	cr_assert_eq(look(&root, "a.txt", true), -EAGAIN);
	cr_assert_eq(look(&root, "../a.txt", true), -EINVAL, "what is malformed needs no look");
	tree_remove();
}

Test(beneath, nul_is_refused_wherever_it_is)
{
	struct ouro_file_root root = make_tree();
	struct ouro_file_stat stat;

	cr_expect_eq(ouro_beneath_look(&root, OURO_STR("a.txt\0"), false, &stat), -EINVAL);
	cr_expect_eq(ouro_beneath_look(&root, OURO_STR("a.txt\0.png"), false, &stat), -EINVAL);
	cr_expect_eq(ouro_beneath_look(&root, OURO_STR("\0"), false, &stat), -EINVAL);
	cr_expect_eq(ouro_beneath_look(&root, OURO_STR("\0/a.txt"), false, &stat), -EINVAL);
	tree_remove();
}

Test(beneath, dotfiles_where_they_may_be)
{
	struct ouro_file_root root = make_tree();

	root.dotfiles = true;
	for (int walk = 0; walk < 2; walk++) {
		root.walk = walk;
		cr_expect_eq(look(&root, ".hidden", false), REGULAR);
		cr_expect_eq(look(&root, ".git/config", false), REGULAR);
		cr_expect_eq(look(&root, "...", false), REGULAR);
		cr_expect_eq(look(&root, "..", false), -EINVAL);
		cr_expect_eq(look(&root, ".", false), -EINVAL);
		cr_expect_eq(look(&root, "../outside", false), -EINVAL);
	}
	tree_remove();
}

Test(beneath, names_and_paths_up_to_their_limits)
{
	struct ouro_file_root root = tree_create();
	char name[OURO_FILE_NAME_MAX + 2], path[OURO_FILE_PATH_MAX + 2];

	memset(name, 'n', sizeof(name));
	name[OURO_FILE_NAME_MAX] = '\0';
	tree_file(name, "");
	for (int walk = 0; walk < 2; walk++) {
		root.walk = walk;
		cr_expect_eq(look(&root, name, false), REGULAR);
		name[OURO_FILE_NAME_MAX] = 'n';
		cr_expect_eq(ouro_file_path_check(&root, ouro_str(name, sizeof(name) - 1)),
			     -ENAMETOOLONG);
		name[OURO_FILE_NAME_MAX] = '\0';
		for (size_t i = 0; i < sizeof(path); i++)
			path[i] = i % 2 ? '/' : 'd';
		cr_expect_eq(ouro_file_path_check(&root, ouro_str(path, OURO_FILE_PATH_MAX)), 0);
		path[OURO_FILE_PATH_MAX] = '\0';
		cr_expect_eq(look(&root, path, false), -ENOENT);
		path[OURO_FILE_PATH_MAX] = 'd';
		cr_expect_eq(ouro_file_path_check(&root, ouro_str(path, sizeof(path) - 1)),
			     -ENAMETOOLONG);
	}
	tree_remove();
}

Test(beneath, a_walk_through_links_ends_where_its_path_grows_too_long)
{
	struct ouro_file_root root = tree_create();
	char target[OURO_FILE_PATH_MAX + 1];
	int got;

	/* Each "l" is replaced by a long way to it, so that what is left grows. */
	tree_directory("d");
	memset(target, 0, sizeof(target));
	while (strlen(target) < OURO_FILE_PATH_MAX / 2)
		strcat(target, "d/../");
	strcat(target, "d");
	tree_link("l", target);
	root.symlinks = true;
	root.walk = true;
	cr_expect_eq(look(&root, "l", false), DIRECTORY);
	memset(target, 'n', OURO_FILE_PATH_MAX);
	for (int i = 200; i < OURO_FILE_PATH_MAX; i += 200)
		target[i] = '/';
	memcpy(target, "l/", 2);
	target[OURO_FILE_PATH_MAX - 1] = '\0';
	got = look(&root, target, false);
	cr_expect_eq(got, -ENAMETOOLONG, "%d", got);
	tree_remove();
}

static int open_file(const struct ouro_file_root *root, const char *path)
{
	struct ouro_file_stat stat;
	int err = ouro_beneath_look(root, ouro_str_c(path), false, &stat);

	if (err)
		return err;
	return ouro_beneath_open(root, ouro_str_c(path), false, &stat, &stat);
}

Test(beneath, a_file_is_opened_and_described)
{
	struct ouro_file_root root = make_tree();

	for (int walk = 0; walk < 2; walk++) {
		struct ouro_file_stat seen, now;
		char content[8];
		int fd;

		root.walk = walk;
		cr_assert_eq(ouro_beneath_look(&root, OURO_STR("dir/b.txt"), false, &seen), 0);
		fd = ouro_beneath_open(&root, OURO_STR("dir/b.txt"), false, &seen, &now);
		cr_assert_geq(fd, 0);
		cr_expect_eq(read(fd, content, sizeof(content)), 2);
		cr_expect_eq(now.size, 2);
		cr_expect_eq(now.inode, seen.inode);
		cr_expect_gt(now.modified_ns, 1700000000000000000);
		cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
	}
	tree_remove();
}

Test(beneath, what_took_the_place_of_a_file_is_not_opened)
{
	struct ouro_file_root root = make_tree();
	struct ouro_file_stat seen, now;
	unsigned before = tree_descriptor_count();

	cr_assert_eq(ouro_beneath_look(&root, OURO_STR("a.txt"), false, &seen), 0);
	tree_unlink("to-fifo");
	for (int walk = 0; walk < 2; walk++) {
		root.walk = walk;
		root.symlinks = false;
		tree_rename("a.txt", "to-fifo");
		tree_rename("dir/b.txt", "a.txt");
		cr_expect_eq(ouro_beneath_open(&root, OURO_STR("a.txt"), false, &seen, &now),
			     -ESTALE, "another file");
		tree_rename("a.txt", "dir/b.txt");
		/* Without a writer, opening would wait for one. */
		tree_rename("fifo", "a.txt");
		cr_expect_eq(ouro_beneath_open(&root, OURO_STR("a.txt"), false, &seen, &now),
			     -ESTALE, "a FIFO");
		tree_rename("a.txt", "fifo");
		tree_rename("dir", "a.txt");
		cr_expect_eq(ouro_beneath_open(&root, OURO_STR("a.txt"), false, &seen, &now),
			     -ESTALE, "a directory");
		tree_rename("a.txt", "dir");
		tree_link("a.txt", "dir/b.txt");
		cr_expect_eq(ouro_beneath_open(&root, OURO_STR("a.txt"), false, &seen, &now),
			     -ELOOP, "a link");
		root.symlinks = true;
		cr_expect_eq(ouro_beneath_open(&root, OURO_STR("a.txt"), false, &seen, &now),
			     -ESTALE, "what a link leads to");
		tree_rename("to-fifo", "a.txt");
	}
	cr_expect_eq(tree_descriptor_count(), before);
	tree_remove();
}

Test(beneath, devices_are_looked_at_alone)
{
	struct ouro_file_root root = make_tree();

	if (tree_device("null")) {
		cr_expect_eq(look(&root, "null", false), OTHER);
		root.walk = true;
		cr_expect_eq(look(&root, "null", false), OTHER);
	} else {
		fprintf(stderr, "skipped: devices cannot be made here\n");
	}
	tree_remove();
}

Test(beneath, what_may_not_be_read_is_not)
{
	struct ouro_file_root root = make_tree();

	tree_file("secret", "secret");
	tree_mode("secret", 0);
	tree_mode("dir", 0);
	if (!tree_as_nobody()) {
		fprintf(stderr, "skipped: cannot be another user\n");
	} else {
		for (int walk = 0; walk < 2; walk++) {
			root.walk = walk;
			cr_expect_eq(look(&root, "secret", false), REGULAR);
			cr_expect_eq(open_file(&root, "secret"), -EACCES);
			cr_expect_eq(look(&root, "dir", false), DIRECTORY);
			cr_expect_eq(look(&root, "dir/b.txt", false), -EACCES);
			cr_expect_eq(ouro_beneath_open_directory(&root, OURO_STR("dir")), -EACCES);
		}
	}
	cr_assert_eq(seteuid(getuid()), 0);
	tree_mode("dir", 0755);
	tree_remove();
}

Test(beneath, directories_are_opened_as_such)
{
	struct ouro_file_root root = make_tree();

	for (int walk = 0; walk < 2; walk++) {
		int fd;

		root.walk = walk;
		root.symlinks = false;
		fd = ouro_beneath_open_directory(&root, OURO_STR(""));
		cr_expect_geq(fd, 0, "the root itself");
		close(fd);
		fd = ouro_beneath_open_directory(&root, OURO_STR("dir/sub"));
		cr_expect_geq(fd, 0);
		cr_expect_eq(faccessat(fd, "deep.txt", F_OK, 0), 0);
		close(fd);
		cr_expect_eq(ouro_beneath_open_directory(&root, OURO_STR("a.txt")), -ENOTDIR);
		cr_expect_eq(ouro_beneath_open_directory(&root, OURO_STR("fifo")), -ENOTDIR);
		cr_expect_eq(ouro_beneath_open_directory(&root, OURO_STR("..")), -EINVAL);
		cr_expect_eq(ouro_beneath_open_directory(&root, OURO_STR("to-dir")), -ELOOP);
		root.symlinks = true;
		cr_expect_eq(ouro_beneath_open_directory(&root, OURO_STR("out-dir")), -EXDEV);
		fd = ouro_beneath_open_directory(&root, OURO_STR("to-dir"));
		cr_expect_geq(fd, 0);
		close(fd);
		fd = ouro_beneath_open_directory(&root, OURO_STR("to-here"));
		cr_expect_geq(fd, 0, "a link that ends in a dot");
		close(fd);
	}
	tree_remove();
}

Test(beneath, magic_links_lead_nowhere)
{
	struct ouro_file_root root = { .fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC),
				       .symlinks = true };

	cr_assert_geq(root.fd, 0);
	for (int walk = 0; walk < 2; walk++) {
		int got;

		root.walk = walk;
		/* To the kernel any of them is one too many; their text is an absolute path. */
		got = look(&root, "root/etc/passwd", false);
		cr_expect(got == -ELOOP || got == -EXDEV, "%d", got);
		got = look(&root, "exe", false);
		cr_expect(got == -ELOOP || got == -EXDEV, "%d", got);
		got = look(&root, "cwd", false);
		cr_expect(got == -ELOOP || got == -EXDEV, "%d", got);
	}
}

Test(beneath, paths_of_the_program_itself_lead_anywhere)
{
	struct ouro_file_root inner = make_tree();
	struct ouro_file_root root = { .fd = AT_FDCWD, .anywhere = true };

	close(inner.fd);
	for (int walk = 0; walk < 2; walk++) {
		root.walk = walk;
		cr_expect_eq(look(&root, "/etc/passwd", false), REGULAR);
		cr_expect_eq(look(&root, "../outside", false), REGULAR);
		cr_expect_eq(look(&root, "./dir/../.hidden", false), REGULAR);
		cr_expect_eq(look(&root, "out-absolute", false), REGULAR);
		cr_expect_eq(look(&root, "fifo", false), OTHER);
		cr_expect_eq(look(&root, "none", false), -ENOENT);
		cr_expect_eq(look(&root, "", false), -EINVAL);
		cr_expect_eq(ouro_file_path_check(&root, OURO_STR("a\0b")), -EINVAL);
	}
	tree_remove();
}

/* ---- The two ways against each other ---- */

enum { TREES = 20, PATHS = 1500, PARTS_MAX = 7 };

static uint64_t random_state;

static unsigned below(unsigned bound)
{
	random_state = random_state * 6364136223846793005 + 1442695040888963407;
	return (unsigned)(random_state >> 33) % bound;
}

/* Adds @count names to @path: of directories, files and links that there may be, and, where they are to go
 * into a link, whatever else a link may say. */
static void put_names(char *path, unsigned count, bool of_link)
{
	static const char *const odd[] = { "..", "..", "..", ".", "/", "" };

	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			strcat(path, "/");
		if (of_link && below(3) == 0) {
			strcat(path, odd[below(sizeof(odd) / sizeof(odd[0]))]);
			continue;
		}
		snprintf(path + strlen(path), 8, "%c%u", "dlf"[below(3)], below(3));
	}
}

/* Directories d0 to d2 in each other, files and links in each. */
static void make_random_tree(unsigned depth)
{
	for (unsigned i = 0; i < 3; i++) {
		char name[8], target[64] = "";

		snprintf(name, sizeof(name), "f%u", i);
		tree_file(name, "");
		snprintf(name, sizeof(name), "l%u", i);
		put_names(target, 1 + below(4), true);
		tree_link(name, target[0] ? target : ".");
		snprintf(name, sizeof(name), "d%u", i);
		tree_directory(name);
		if (depth == 0)
			continue;
		cr_assert_eq(chdir(name), 0);
		make_random_tree(depth - 1);
		cr_assert_eq(chdir(".."), 0);
	}
}

static bool agree(struct ouro_file_root *root, const char *path)
{
	struct ouro_file_stat seen[2] = { { 0 }, { 0 } };
	int results[2];

	for (int walk = 0; walk < 2; walk++) {
		root->walk = walk;
		results[walk] = ouro_beneath_look(root, ouro_str_c(path), false, &seen[walk]);
	}
	if (results[0] == results[1] && seen[0].inode == seen[1].inode)
		return true;
	fprintf(stderr, "%s: the kernel says %d, the walk %d\n", path, results[0], results[1]);
	return false;
}

Test(beneath, kernel_and_walk_agree_on_any_tree)
{
	unsigned found = 0;

	for (unsigned tree = 0; tree < TREES; tree++) {
		struct ouro_file_root root = tree_create();

		random_state = tree + 1;
		make_random_tree(2);
		for (unsigned i = 0; i < PATHS; i++) {
			char path[64] = "";

			put_names(path, 1 + below(PARTS_MAX), false);
			root.symlinks = i % 4 > 0;
			cr_assert(agree(&root, path));
			found += look(&root, path, false) > 0;
		}
		tree_remove();
		close(root.fd);
	}
	cr_expect_gt(found, TREES * PATHS / 20, "%u", found);
}
