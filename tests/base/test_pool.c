/* Tests of base/pool.h. */
#include "base/pool.h"

#include <criterion/criterion.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 3000, PAGE = 4096, TRIMS = 40 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

Test(pool, what_was_put_last_is_got_first)
{
	struct ouro_pool pool;
	void *a, *b;

	ouro_pool_init(&pool, 100);
	a = ouro_pool_get(&pool);
	b = ouro_pool_get(&pool);
	memset(a, 1, 100);
	memset(b, 2, 100);
	cr_assert_eq(pool.used_count, 2);
	ouro_pool_put(&pool, a);
	ouro_pool_put(&pool, b);
	cr_assert_eq(ouro_pool_get(&pool), b);
	cr_assert_eq(ouro_pool_get(&pool), a);
	ouro_pool_put(&pool, a);
	ouro_pool_put(&pool, b);
	ouro_pool_fini(&pool);
}

static void burst(struct ouro_pool *pool, int count)
{
	void *items[100];

	for (int i = 0; i < count; i++)
		items[i] = ouro_pool_get(pool);
	for (int i = 0; i < count; i++)
		ouro_pool_put(pool, items[i]);
}

Test(pool, trim_gives_back_what_a_period_did_not_need)
{
	struct ouro_pool pool;

	ouro_pool_init(&pool, 64);
	burst(&pool, 100);
	ouro_pool_trim(&pool);
	cr_assert_eq(pool.free_count, 100, "all were needed in this period");
	burst(&pool, 20);
	ouro_pool_trim(&pool);
	cr_assert_eq(pool.free_count, 60, "half of the 80 that were not");
	for (int i = 0; i < 20; i++)
		ouro_pool_trim(&pool);
	cr_assert_eq(pool.free_count, 0);
	burst(&pool, 3);
	cr_assert_eq(pool.free_count, 3);
	ouro_pool_fini(&pool);
}

Test(pool, trim_leaves_alone_what_is_used_all_the_time)
{
	struct ouro_pool pool;

	ouro_pool_init(&pool, 64);
	for (int i = 0; i < 50; i++) {
		burst(&pool, 30);
		ouro_pool_trim(&pool);
		cr_assert_eq(pool.free_count, 30);
	}
	ouro_pool_fini(&pool);
}

/* ---- What is given back ---- */

/* Large pieces: less than a page, a page, half a page, several; and small ones. */
static const size_t sizes[] = { 3968, 4096, 2048, 8256, 1024, 304, 64, 24, 8 };
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static char *items[MANY];

static void get_many(struct ouro_pool *pool, int count)
{
	for (int i = 0; i < count; i++) {
		items[i] = ouro_pool_get(pool);
		cr_assert_not_null(items[i]);
		memset(items[i], i, pool->item_bytes);
	}
}

static void put_many(struct ouro_pool *pool, int first, int count)
{
	for (int i = first; i < count; i++)
		ouro_pool_put(pool, items[i]);
}

static void trim_many(struct ouro_pool *pool)
{
	for (int i = 0; i < TRIMS; i++)
		ouro_pool_trim(pool);
}

/* How many of the pages that those items begin in are in memory. Where nothing is mapped any more
 * mincore() fails, and then nothing is. */
static int resident_count(int first, int count)
{
	int sum = 0;

	for (int i = first; i < count; i++) {
		uintptr_t page = (uintptr_t)items[i] / PAGE * PAGE;
		unsigned char in_memory;

		sum += mincore((void *)page, PAGE, &in_memory) == 0 && in_memory & 1;
	}
	return sum;
}

Test(pool, fini_unmaps_everything)
{
	for (int size = 0; size < SIZES; size++) {
		struct ouro_pool pool;

		ouro_pool_init(&pool, sizes[size]);
		get_many(&pool, MANY);
		cr_assert_eq(resident_count(0, MANY), MANY);
		put_many(&pool, 0, MANY);
		ouro_pool_fini(&pool);
		cr_assert_eq(resident_count(0, MANY), 0, "pieces of %zu", sizes[size]);
	}
}

Test(pool, slabs_that_nobody_uses_are_unmapped)
{
	for (int size = 0; size < SIZES; size++) {
		struct ouro_pool pool;

		ouro_pool_init(&pool, sizes[size]);
		get_many(&pool, MANY);
		put_many(&pool, 0, MANY);
		trim_many(&pool);
		cr_assert_eq(pool.free_count, 0);
		cr_assert_eq(pool.mapped_bytes, 0);
		cr_assert_eq(resident_count(0, MANY), 0, "pieces of %zu", sizes[size]);
		ouro_pool_fini(&pool);
	}
}

/* Of @pool's pieces each @step-th stays in use. */
static void put_all_but(struct ouro_pool *pool, int step)
{
	for (int i = 0; i < MANY; i++)
		if (i % step != 0)
			ouro_pool_put(pool, items[i]);
}

static void put_each(struct ouro_pool *pool, int step)
{
	for (int i = 0; i < MANY; i += step)
		ouro_pool_put(pool, items[i]);
}

Test(pool, a_few_in_use_keep_little_memory)
{
	struct ouro_pool pool;

	ouro_pool_init(&pool, 4096);
	get_many(&pool, MANY);
	put_all_but(&pool, 50);
	trim_many(&pool);
	cr_assert_eq(pool.used_count, MANY / 50);
	cr_assert_eq(pool.free_count, 0);
	/* A piece lies on two pages, and where another begins is known for either; a slab's first
	 * page stays. */
	cr_assert_leq(resident_count(0, MANY), MANY / 50 * 2 + MANY / 64 + 1);
	put_each(&pool, 50);
	ouro_pool_fini(&pool);
}

Test(pool, pieces_in_use_keep_their_content)
{
	for (int size = 0; size < SIZES; size++) {
		struct ouro_pool pool;

		ouro_pool_init(&pool, sizes[size]);
		get_many(&pool, MANY);
		put_all_but(&pool, 7);
		trim_many(&pool);
		for (int i = 0; i < MANY; i += 7)
			for (size_t at = 0; at < sizes[size]; at++)
				cr_assert_eq(items[i][at], (char)i);
		put_each(&pool, 7);
		ouro_pool_fini(&pool);
	}
}

Test(pool, pieces_that_were_given_back_are_used_before_more_is_mapped)
{
	struct ouro_pool pool;
	size_t mapped_bytes;

	ouro_pool_init(&pool, 4096);
	get_many(&pool, MANY);
	mapped_bytes = pool.mapped_bytes;
	put_all_but(&pool, 50);
	trim_many(&pool);
	cr_assert_eq(pool.mapped_bytes, mapped_bytes);
	for (int i = 0; i < MANY; i++)
		if (i % 50 != 0)
			items[i] = ouro_pool_get(&pool);
	cr_assert_eq(pool.mapped_bytes, mapped_bytes);
	put_many(&pool, 0, MANY);
	ouro_pool_fini(&pool);
}

static int compare_pointers(const void *a, const void *b)
{
	char *const *left = a, *const *right = b;

	return (*left > *right) - (*left < *right);
}

Test(pool, pieces_are_apart_and_aligned_for_any_type)
{
	for (int size = 0; size < SIZES; size++) {
		struct ouro_pool pool;

		ouro_pool_init(&pool, sizes[size]);
		get_many(&pool, MANY);
		qsort(items, MANY, sizeof(items[0]), compare_pointers);
		for (int i = 0; i < MANY; i++) {
			cr_assert_eq((uintptr_t)items[i] % alignof(max_align_t), 0);
			if (i > 0)
				cr_assert_geq(items[i] - items[i - 1], (ptrdiff_t)sizes[size]);
		}
		put_many(&pool, 0, MANY);
		ouro_pool_fini(&pool);
	}
}

Test(pool, large_pieces_begin_all_over_a_page)
{
	enum { LINES = PAGE / 64 };

	for (int size = 0; sizes[size] >= 1024; size++) {
		int counts[LINES] = { 0 };
		struct ouro_pool pool;

		ouro_pool_init(&pool, sizes[size]);
		get_many(&pool, LINES);
		for (int i = 0; i < LINES; i++)
			counts[(uintptr_t)items[i] % PAGE / 64]++;
		for (int line = 0; line < LINES; line++)
			cr_assert_eq(counts[line], 1, "pieces of %zu", sizes[size]);
		put_many(&pool, 0, LINES);
		ouro_pool_fini(&pool);
	}
}

/* What a slab has besides its pieces: a line, and what is left over. */
Test(pool, small_pieces_take_little_more_than_their_size)
{
	static const struct {
		size_t item_bytes, bytes_max;
	} cases[] = {
		{ 64, 66 }, { 80, 82 }, { 112, 114 }, { 128, 148 }, { 248, 274 }, { 304, 328 }
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ouro_pool pool;

		ouro_pool_init(&pool, cases[i].item_bytes);
		get_many(&pool, MANY);
		cr_assert_leq(pool.mapped_bytes / MANY, cases[i].bytes_max, "pieces of %zu: %zu",
			      cases[i].item_bytes, pool.mapped_bytes / MANY);
		put_many(&pool, 0, MANY);
		ouro_pool_fini(&pool);
	}
}

/* What is at the same place in each of them is not in a few sets of a cache. */
Test(pool, small_pieces_begin_all_over_a_page)
{
	enum { LINES = PAGE / 64 };

	for (size_t bytes = 64; bytes <= 512; bytes += 64) {
		bool seen[LINES] = { false };
		struct ouro_pool pool;
		int count = 0;

		ouro_pool_init(&pool, bytes);
		get_many(&pool, MANY);
		for (int i = 0; i < MANY; i++) {
			size_t line = (uintptr_t)items[i] % PAGE / 64;

			count += !seen[line];
			seen[line] = true;
		}
		cr_assert_geq(count, LINES * 3 / 8, "pieces of %zu: %d", bytes, count);
		put_many(&pool, 0, MANY);
		ouro_pool_fini(&pool);
	}
}

Test(pool, one_trim_does_not_do_too_much)
{
	struct ouro_pool pool;

	ouro_pool_init(&pool, 2048);
	get_many(&pool, MANY);
	put_many(&pool, 0, MANY);
	ouro_pool_trim(&pool);
	cr_assert_eq(pool.free_count, MANY);
	ouro_pool_trim(&pool);
	cr_assert_eq(pool.free_count, MANY - OURO_POOL_TRIM_MAX);
	ouro_pool_trim(&pool);
	cr_assert_eq(pool.free_count, (MANY - OURO_POOL_TRIM_MAX) / 2);
	ouro_pool_fini(&pool);
}

/* Gets, puts and trims at random; each piece in use says whose it is at its first and last byte. */
static void cycle(size_t item_bytes, unsigned seed)
{
	struct ouro_pool pool;
	int used = 0;

	ouro_pool_init(&pool, item_bytes);
	for (int step = 0; step < 20000; step++) {
		/* It swells and shrinks by turns. */
		bool swells = step / 1500 % 2 == 0;
		int dice = rand_r(&seed) % 10;

		if (dice < (swells ? 7 : 3) && used < MANY) {
			items[used] = ouro_pool_get(&pool);
			cr_assert_not_null(items[used]);
			memset(items[used], used, item_bytes);
			used++;
		} else if (used > 0) {
			int i = rand_r(&seed) % used--;

			cr_assert_eq(items[i][0], (char)i);
			cr_assert_eq(items[i][item_bytes - 1], (char)i);
			ouro_pool_put(&pool, items[i]);
			if (i == used)
				continue;
			items[i] = items[used];
			cr_assert_eq(items[i][0], (char)used);
			memset(items[i], i, item_bytes);
		}
		if (rand_r(&seed) % 50 == 0)
			ouro_pool_trim(&pool);
		cr_assert_eq(pool.used_count, (uint32_t)used);
	}
	put_many(&pool, 0, used);
	ouro_pool_fini(&pool);
	cr_assert_eq(pool.mapped_bytes, 0);
}

Test(pool, nobody_has_what_is_another_s)
{
	for (int size = 0; size < SIZES; size++)
		cycle(sizes[size], 1 + (unsigned)size);
}

/* ---- Out of memory, out of mappings ---- */

static int get_until_there_are_none(struct ouro_pool *pool)
{
	int count = 0;

	while (count < MANY && (items[count] = ouro_pool_get(pool)))
		count++;
	return count;
}

/* In a process of its own; the status says what went wrong. */
static int run_out_of_memory(void)
{
	const struct rlimit none = { .rlim_cur = 1, .rlim_max = RLIM_INFINITY };
	const struct rlimit all = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	struct ouro_pool pool;
	int most;

	ouro_pool_init(&pool, 4096);
	get_many(&pool, 100);
	setrlimit(RLIMIT_AS, &none);
	put_many(&pool, 0, 100);
	most = get_until_there_are_none(&pool);
	if (most < 100 || most == MANY)
		return 1;
	if (pool.used_count != (uint32_t)most || pool.free_count != 0)
		return 2;
	put_many(&pool, 0, most);
	if (get_until_there_are_none(&pool) != most)
		return 3;
	setrlimit(RLIMIT_AS, &all);
	if (!(items[most] = ouro_pool_get(&pool)))
		return 4;
	put_many(&pool, 0, most + 1);
	ouro_pool_fini(&pool);
	return 0;
}

/* Makes mappings until the process may have no more; returns what is to be unmapped. */
static char *use_up_mappings(size_t bytes)
{
	char *memory =
		mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	for (size_t at = PAGE; at < bytes; at += 2 * PAGE)
		if (mprotect(memory + at, PAGE, PROT_NONE) < 0)
			return memory;
	munmap(memory, bytes);
	return NULL;
}

enum { SLAB = 64, SLABS = 41 };

/* Puts, or gets, the pieces of each second slab. */
static void put_odd_slabs(struct ouro_pool *pool)
{
	for (int first = SLAB; first < SLABS * SLAB; first += 2 * SLAB)
		put_many(pool, first, first + SLAB);
}

static void get_odd_slabs(struct ouro_pool *pool)
{
	for (int i = 0; i < SLABS * SLAB; i++)
		if (i / SLAB % 2 == 1)
			items[i] = ouro_pool_get(pool);
}

/* In a process of its own; the status says what went wrong. */
static int run_out_of_mappings(void)
{
	const size_t bytes = (size_t)1 << 31;
	struct ouro_pool pool;
	size_t mapped_bytes;
	char *memory;

	ouro_pool_init(&pool, 4096);
	get_many(&pool, SLABS * SLAB);
	mapped_bytes = pool.mapped_bytes;
	memory = use_up_mappings(bytes);
	if (!memory)
		return 0;
	/* Where such a slab lies between two others, one mapping would become two. */
	put_odd_slabs(&pool);
	trim_many(&pool);
	if (pool.mapped_bytes <= mapped_bytes / 2 || pool.free_count != 0)
		return 1;
	/* Of one that stays, the first page does. */
	for (int first = SLAB; first < SLABS * SLAB; first += 2 * SLAB)
		if (resident_count(first, first + SLAB) > 1)
			return 2;
	get_odd_slabs(&pool);
	if (pool.mapped_bytes != mapped_bytes)
		return 3;
	put_many(&pool, 0, SLABS * SLAB);
	trim_many(&pool);
	munmap(memory, bytes);
	ouro_pool_fini(&pool);
	if (pool.mapped_bytes != 0)
		return 4;
	return 0;
}

static int status_of(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(run());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

Test(pool, no_memory_is_null_and_loses_nothing)
{
	if (SANITIZED)
		cr_skip_test("the sanitizer needs address space itself");
	cr_assert_eq(status_of(run_out_of_memory), 0);
}

Test(pool, no_mapping_to_spare_keeps_a_slab_but_not_its_pages)
{
	if (SANITIZED)
		cr_skip_test("the sanitizer needs mappings itself");
	cr_assert_eq(status_of(run_out_of_mappings), 0);
}
