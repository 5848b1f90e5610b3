/* The same facts on both real backends. */
#ifndef OURO_TESTS_ENGINE_BOTH_H
#define OURO_TESTS_ENGINE_BOTH_H

#include "engine/backend.h"

/* The ring, or NULL where there is none here, which is said. */
const struct ouro_backend_ops *both_uring(void);

/* Two tests: fact(ops), a function, with each backend. */
#define ON_BOTH(fact)                                                                              \
	Test(epoll, fact)                                                                          \
	{                                                                                          \
		fact(&ouro_backend_epoll);                                                         \
	}                                                                                          \
	Test(uring, fact)                                                                          \
	{                                                                                          \
		const struct ouro_backend_ops *ops = both_uring();                                 \
                                                                                                   \
		if (ops)                                                                           \
			fact(ops);                                                                 \
	}

#endif
