/* The compiled table against a plain matcher: random routes and requests from a fixed seed. */
#include "plain.h"

#include <criterion/criterion.h>

enum { TABLE_COUNT = 4000 };

Test(random, matches_as_a_plain_matcher_does)
{
	struct plain_source source = { .state = 0x6f75726f726f7574 };

	for (int i = 0; i < TABLE_COUNT; i++)
		plain_play(&source);
}
