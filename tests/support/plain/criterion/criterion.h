/* Enough of Criterion for tests of what crosses threads: Criterion maps memory where the thread
 * sanitizer has its own. A test program includes this instead when it is built with that. Each test
 * runs in a process of its own, as with the original. */
#ifndef OURO_TESTS_PLAIN_CRITERION_H
#define OURO_TESTS_PLAIN_CRITERION_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct plain_test {
	const char *suite, *name;
	void (*run)(void);
	struct plain_test *next;
};

static struct plain_test *plain_tests;

#define Test(suite_name, test_name)                                                                \
	static void suite_name##_##test_name##_run(void);                                          \
	static struct plain_test suite_name##_##test_name = { #suite_name, #test_name,             \
							      suite_name##_##test_name##_run,      \
							      NULL };                              \
	__attribute__((constructor)) static void suite_name##_##test_name##_add(void)              \
	{                                                                                          \
		suite_name##_##test_name.next = plain_tests;                                       \
		plain_tests = &suite_name##_##test_name;                                           \
	}                                                                                          \
	static void suite_name##_##test_name##_run(void)

#define PLAIN_CHECK(fact, text)                                                                    \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, text);          \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/* What a test says besides, for people, is left out. */
#define cr_assert(fact, ...) PLAIN_CHECK(fact, #fact)
#define cr_assert_not(fact, ...) PLAIN_CHECK(!(fact), "not " #fact)
#define cr_assert_eq(a, b, ...) PLAIN_CHECK((a) == (b), #a " == " #b)
#define cr_assert_neq(a, b, ...) PLAIN_CHECK((a) != (b), #a " != " #b)
#define cr_assert_lt(a, b, ...) PLAIN_CHECK((a) < (b), #a " < " #b)
#define cr_assert_leq(a, b, ...) PLAIN_CHECK((a) <= (b), #a " <= " #b)
#define cr_assert_gt(a, b, ...) PLAIN_CHECK((a) > (b), #a " > " #b)
#define cr_assert_geq(a, b, ...) PLAIN_CHECK((a) >= (b), #a " >= " #b)
#define cr_assert_null(a, ...) PLAIN_CHECK((a) == NULL, #a " == NULL")
#define cr_assert_not_null(a, ...) PLAIN_CHECK((a) != NULL, #a " != NULL")

int main(void)
{
	int tested = 0, passing = 0;

	for (struct plain_test *test = plain_tests; test; test = test->next) {
		pid_t child = fork();
		int status = 1;

		if (child == 0) {
			test->run();
			exit(0);
		}
		if (child > 0)
			waitpid(child, &status, 0);
		tested++;
		if (status == 0)
			passing++;
		else
			printf("[FAIL] %s::%s\n", test->suite, test->name);
	}
	printf("[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Crashing: 0 \n", tested,
	       passing, tested - passing);
	return passing == tested ? 0 : 1;
}

#endif
