/* Prints the cases (cases.h), one a line, as JSON: {"name": .., "in": [frame, ..], "out": [frame, ..],
 * "fragment": .., "code": .., "unclean": ..}, where a frame is [first byte, payload in hexadecimal, length],
 * and a payload shorter than its length repeats. */
#include "cases.h"

#include <stdio.h>

static void print_frames(const char *name, const struct frame *frames)
{
	printf("\"%s\": [", name);
	for (size_t i = 0; i < FRAMES_MAX && frames[i].payload; i++) {
		size_t len = frames[i].unit ? frames[i].unit : frames[i].len;

		printf("%s[%u, \"", i > 0 ? ", " : "", frames[i].first);
		for (size_t at = 0; at < len; at++)
			printf("%02x", (unsigned char)frames[i].payload[at]);
		printf("\", %zu]", frames[i].len);
	}
	printf("], ");
}

static void print(const struct kase *kase)
{
	printf("{\"name\": \"%s\", ", kase->name);
	print_frames("in", kase->in);
	print_frames("out", kase->out);
	printf("\"fragment\": %zu, \"code\": %u, \"unclean\": %s}\n", kase->fragment, kase->code,
	       kase->unclean ? "true" : "false");
}

int main(void)
{
	for (enum case_group group = 0; group < CASE_GROUPS; group++)
		cases_each(group, print);
	return fflush(stdout) ? 1 : 0;
}
