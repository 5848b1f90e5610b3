/* Very many fibers, resumed in random order, each of which checks that what it had in registers
 * and on its stack is still there. */
#include "fiber/fiber.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { FIBERS = 10000 };

static struct ouro_fibers fibers;
static uint64_t seed = 88172645463325252;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

struct job {
	struct ouro_fiber *fiber;
	uint64_t start;
	int rounds;
	uint64_t sum;
	double real_sum;
};

/* What a job comes to, with a wait in each round or none. Enough is alive over the wait to need
 * all registers that a call must keep, and stack besides. */
__attribute__((noinline)) static void work(struct job *job, bool waits)
{
	uint64_t a = job->start, b = a ^ 0x9e3779b97f4a7c15, c = a * 3, d = a + 17, e = ~a,
		 f = a << 7;
	double x = (double)(a & 1023), y = x / 3, z = x / 7;
	uint64_t kept[32];

	for (uint64_t i = 0; i < 32; i++)
		kept[i] = a * i;
	for (int round = 0; round < job->rounds; round++) {
		if (waits)
			ouro_fiber_suspend(&fibers);
		a += b + kept[a % 32];
		b ^= c << 1;
		c += d;
		d ^= e >> 3;
		e += f;
		f ^= a;
		x += y * 0.5;
		y -= z * 0.25;
		z += 1.0 / (1.0 + x * x);
		kept[(unsigned)round % 32] ^= a;
	}
	job->sum = a + b + c + d + e + f;
	for (int i = 0; i < 32; i++)
		job->sum = job->sum * 31 + kept[i];
	job->real_sum = x + y + z;
}

static void work_on_fiber(void *job)
{
	work(job, true);
}

static void start_jobs(struct job *jobs)
{
	for (int i = 0; i < FIBERS; i++) {
		jobs[i].start = random_number();
		jobs[i].rounds = (int)(random_number() % 20);
		cr_assert_eq(ouro_fiber_start(&fibers, work_on_fiber, &jobs[i], &jobs[i].fiber), 0);
	}
}

static void finish_jobs(struct job *jobs)
{
	static int waiting[FIBERS];
	size_t count = 0;

	for (int i = 0; i < FIBERS; i++)
		if (jobs[i].fiber)
			waiting[count++] = i;
	while (count > 0) {
		size_t place = random_number() % count;

		if (!ouro_fiber_resume(jobs[waiting[place]].fiber))
			waiting[place] = waiting[--count];
	}
}

Test(fiber_random, ten_thousand_keep_what_is_theirs)
{
	struct ouro_fibers_options options = { .stack_bytes = 16384, .count_max = FIBERS };
	static struct job jobs[FIBERS];

	cr_assert_eq(ouro_fibers_init(&fibers, &options), 0);
	for (int times = 0; times < 3; times++) {
		start_jobs(jobs);
		finish_jobs(jobs);
		for (int i = 0; i < FIBERS; i++) {
			struct job alone = { .start = jobs[i].start, .rounds = jobs[i].rounds };

			work(&alone, false);
			cr_assert_eq(jobs[i].sum, alone.sum);
			cr_assert(fabs(jobs[i].real_sum - alone.real_sum) == 0);
		}
		ouro_fibers_trim(&fibers);
	}
	cr_assert_eq(fibers.used_count, 0);
	ouro_fibers_fini(&fibers);
}
